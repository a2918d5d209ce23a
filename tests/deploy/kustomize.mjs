// What kustomize makes of a folder, as far as deploy/kubernetes asks for it: for tests where there is no kubectl.
// scripts/check-kubernetes.sh has it compared with what kubectl makes.
//
// Names get no hash of what is in them.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join } from 'node:path';

const require = createRequire(new URL('../../client/package.json', import.meta.url));
const YAML = require('yaml');

export const objectsIn = (text) => YAML.parseAllDocuments(text).map((document) => document.toJS());

/** The objects of an overlay. */
export function build(folder) {
  const { objects, patches } = collect(folder);
  for (const { target, operations } of patches) {
    const meant = ({ kind, metadata }) => kind === target.kind && new RegExp(`^${target.name}$`).test(metadata.name);
    const object = objects.find(meant);
    if (!object) throw new Error(`a patch is for ${target.kind} ${target.name}, which isn't there`);
    operations.forEach((operation) => patch(object, operation));
  }
  return objects;
}

/** A kustomization and all that it is made of: its objects, what is yet to be patched in them, and every file it read. */
export function collect(folder) {
  const path = join(folder, 'kustomization.yaml');
  const [kustomization] = objectsIn(readFileSync(path, 'utf8'));
  const { resources = [], components = [], configMapGenerator = [], secretGenerator = [] } = kustomization;
  const files = new Set([path]);
  const read = (name) => {
    files.add(join(folder, name));
    return readFileSync(join(folder, name), 'utf8');
  };
  const all = { objects: [], patches: [], files };
  for (const part of [...resources, ...components]) {
    if (part.endsWith('.yaml')) {
      all.objects.push(...objectsIn(read(part)));
      continue;
    }
    const inner = collect(join(folder, part));
    inner.files.forEach((file) => files.add(file));
    all.objects.push(...inner.objects);
    all.patches.push(...inner.patches);
  }
  for (const { name, files: names = [] } of configMapGenerator) {
    const data = Object.fromEntries(names.map((file) => [basename(file), read(file)]));
    all.objects.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data });
  }
  for (const { name, literals } of secretGenerator) {
    const data = Object.fromEntries(literals.map((literal) => {
      const [key, value] = literal.split(/=(.*)/s);
      return [key, Buffer.from(value).toString('base64')];
    }));
    all.objects.push({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'Opaque', data });
  }
  for (const { path: file, patch: text, target } of kustomization.patches ?? []) {
    const [operations] = objectsIn(file ? read(file) : text);
    all.patches.push({ target, operations });
  }
  all.objects.forEach((object) => transform(object, kustomization));
  return all;
}

function transform(object, { namespace, labels = [], replicas = [], images = [] }) {
  const { kind, metadata, spec } = object;
  if (namespace && kind !== 'Namespace') metadata.namespace = namespace;
  for (const { pairs, includeTemplates } of labels) {
    metadata.labels = { ...metadata.labels, ...pairs };
    if (includeTemplates && spec?.template) Object.assign(spec.template.metadata.labels, pairs);
  }
  if (kind !== 'Deployment') return;
  for (const { name, count } of replicas) {
    if (name === metadata.name) spec.replicas = count;
  }
  for (const container of spec.template.spec.containers) {
    const image = images.find(({ name }) => name === container.image);
    if (image) container.image = `${image.newName ?? image.name}:${image.newTag}`;
  }
}

/** An `add` of JSON Patch (RFC 6902), the only operation there is here. */
function patch(object, { op, path, value }) {
  if (op !== 'add') throw new Error(`${op} ${path}: only add is known here`);
  const keys = path.slice(1).split('/');
  const last = keys.pop();
  const parent = keys.reduce((inner, key) => inner[key], object);
  if (last === '-') parent.push(value);
  else parent[last] = value;
}
