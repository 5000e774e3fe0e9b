// The official TypeScript SDK, its first line.

import { readFileSync } from "node:fs";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { run, textOf } from "./story.mjs";

async function connect(server, person) {
  const capabilities = person ? { elicitation: {} } : {};
  const client = new Client({ name: "typescript-v1", version: "1" }, { capabilities });
  if (person) {
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => person.answer(params.message));
  }
  await client.connect(new StdioClientTransport({ ...server, stderr: "inherit" }));
  return {
    tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
    call: async (name, values) => textOf(await client.callTool({ name, arguments: values })),
    close: () => client.close(),
  };
}

const described = new URL("node_modules/@modelcontextprotocol/sdk/package.json", import.meta.url);
await run(JSON.parse(readFileSync(described)).version, connect);
