// A web site of its own origin: one page, its script, and the npm SDK as it is shipped.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".mjs": "text/javascript" };

const fileOf = (path) => {
  if (path.startsWith("/openai/")) return join(here, "../node_modules", path);
  return { "/": join(here, "page.html"), "/page.js": join(here, "page.js") }[path];
};

const server = createServer(async (request, response) => {
  const file = fileOf(new URL(request.url, "http://pages").pathname);
  const type = file && TYPES[extname(file)];
  const content = type && (await readFile(file).catch(() => null));
  response.writeHead(content ? 200 : 404, content ? { "content-type": type } : {});
  response.end(content);
});
server.listen(0, "127.0.0.1", () => {
  console.log(`pages are at http://127.0.0.1:${server.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
