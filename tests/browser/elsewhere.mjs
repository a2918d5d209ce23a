/* A page that comes from elsewhere than the gateway, as its readers would serve it. */
import { createServer } from 'node:http';

/**
 * @param {import('node:test').TestContext} t
 * @param {string} html
 * @returns {Promise<string>} its address
 */
export async function serve(t, html) {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/' ? 200 : 204, { 'content-type': 'text/html' }).end(request.url === '/' ? html : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `http://127.0.0.1:${server.address().port}/`;
}
