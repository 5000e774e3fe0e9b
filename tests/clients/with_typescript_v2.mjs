// The official TypeScript SDK, its second line.

import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { run, textOf } from "./story.mjs";

async function connect(server, person) {
  const capabilities = person ? { elicitation: { form: {} } } : {};
  const options = { capabilities, versionNegotiation: { mode: "auto" } };
  const client = new Client({ name: "typescript-v2", version: "1" }, options);
  if (person) {
    client.setRequestHandler("elicitation/create", ({ params }) => person.answer(params.message));
  }
  await client.connect(new StdioClientTransport({ ...server, stderr: "inherit" }));
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, values) => textOf(await client.callTool({ name, arguments: values })),
    close: () => client.close(),
  };
}

const described = new URL("node_modules/@modelcontextprotocol/client/package.json", import.meta.url);
await run(JSON.parse(readFileSync(described)).version, connect);
