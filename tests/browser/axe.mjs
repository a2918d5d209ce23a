/* What axe-core finds on a page. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const inClient = createRequire(new URL('../../client/package.json', import.meta.url));
const AXE = readFileSync(inClient.resolve('axe-core/axe.min.js'), 'utf8');

/** What keeps somebody from using the page, or makes it hard: each with the rule that it breaks, and where. */
export async function barriers(page) {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => (await globalThis.axe.run({ resultTypes: ['violations'] })).violations);
  return violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').flatMap(({ id, help, nodes }) => {
    return nodes.map(({ target, failureSummary }) => `${id} (${help}): ${target.join(' ')}: ${failureSummary}`);
  });
}
