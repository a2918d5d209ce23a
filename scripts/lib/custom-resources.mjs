// Holds objects of the Prometheus operator and of the Gateway API against their types, which no schema of Kubernetes has.
//
//   custom-resources.mjs MODULES FILE...      MODULES: a folder with the packages that scripts/check-kubernetes.sh installs
//
// The packages' validators know types and patterns, but let unknown fields pass; their TypeScript types don't.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const PACKAGES = {
  'monitoring.coreos.com/v1': '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
  'gateway.networking.k8s.io/v1': '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
};

const [modules, ...files] = process.argv.slice(2);
const folder = resolve(modules);
const { parseAllDocuments } = createRequire(join(folder, 'package.json'))('yaml');

const objects = files.flatMap((file) =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => ({ file, object: document.toJS() })));
const custom = objects.filter(({ object }) => object.apiVersion in PACKAGES);
if (custom.length === 0) throw new Error(`none of ${files.join(', ')} has a custom resource`);

// Node looks for a package from where the module is that imports it.
const loader = join(folder, 'load.mjs');
writeFileSync(loader, 'export const load = (name) => import(name);\n');
const { load } = await import(pathToFileURL(loader));

let wrong = 0;
for (const { file, object } of custom) {
  const { apiVersion, kind, metadata } = object;
  const { [kind]: Model } = await load(PACKAGES[apiVersion]);
  try {
    new Model(object).validate();
    console.log(`${file}: ${kind} ${metadata.name} has the right values`);
  } catch (error) {
    console.log(`${file}: ${kind} ${metadata.name}: ${error.message}`);
    wrong += 1;
  }
}

const literals = custom.map(({ object }, index) => {
  const type = `import('${PACKAGES[object.apiVersion]}/${object.kind}').I${object.kind}`;
  return `export const object${index}: ${type} = ${JSON.stringify(object, null, 1)};\n`;
});
writeFileSync(join(folder, 'objects.ts'), literals.join(''));
const options = '--noEmit --strict --skipLibCheck --module nodenext --moduleResolution nodenext --pretty false'.split(' ');
const compiler = join(folder, 'node_modules/.bin/tsc');
const tsc = spawnSync(compiler, [...options, 'objects.ts'], { cwd: folder, stdio: 'inherit' });
if (tsc.error) throw tsc.error;
process.exit(wrong || tsc.status ? 1 : 0);
