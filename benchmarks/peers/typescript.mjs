// A peer: eight tools on the official TypeScript SDK, one request each.

import { McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";

const PROGRAM = "/loyalty/config/programs/{program_id}";
const BALANCE = "/loyalty/balance/programs/{program_id}";
const [text, whole, number] = [z.string(), z.number().int(), z.number()];

// Name, description, method, path with its arguments, arguments of the query or of the body.
const TOOLS = [
  ["list_programs", "List loyalty programs.", "GET", "/loyalty/config/programs", {}],
  ["get_program", "Get one loyalty program.", "GET", PROGRAM, {}],
  ["list_balance_definitions", "List the balances of a program.", "GET", `${BALANCE}/balance-definitions`, {}],
  ["get_subscription_balances", "Get what a member has.", "GET", `${BALANCE}/subscriptions/{contact_id}/balances`, {}],
  ["list_transaction_history", "List the movements of a member.", "GET", `${BALANCE}/transaction-history`,
    { contactId: whole, balanceDefinitionId: text }],
  ["get_account_info", "Get everything of a member.", "GET", `${PROGRAM}/account-info`, { contactId: whole }],
  ["create_transaction", "Credit or debit a member.", "POST", `${BALANCE}/transactions`,
    { contactId: whole, balanceDefinitionId: text, amount: number }],
  ["complete_transaction", "Complete a transaction.", "POST", `${BALANCE}/transactions/{transaction_id}/complete`, {}],
].map(([name, description, method, path, further]) => {
  const inside = [...path.matchAll(/{(\w+)}/g)].map(([, key]) => [key, key === "contact_id" ? whole : text]);
  const inputSchema = z.object({ ...Object.fromEntries(inside), ...further });
  return { name, description, method, path, further: Object.keys(further), inputSchema };
});

async function sent(tool, given) {
  const chosen = Object.fromEntries(tool.further.map((key) => [key, given[key]]));
  const path = tool.path.replace(/{(\w+)}/g, (_, key) => encodeURIComponent(given[key]));
  const reads = tool.method === "GET";
  const query = reads && tool.further.length ? `?${new URLSearchParams(chosen)}` : "";
  const answer = await fetch(process.env.UPSTREAM + path + query, {
    method: tool.method,
    headers: { "api-key": "benchmark", "content-type": "application/json" },
    body: reads ? undefined : JSON.stringify(chosen),
  });
  const found = await answer.json();
  return {
    content: [{ type: "text", text: JSON.stringify(found) }],
    structuredContent: found,
    isError: !answer.ok,
  };
}

function server() {
  const made = new McpServer({ name: "typescript", version: "1.0.0" });
  for (const tool of TOOLS) {
    const { name, description, inputSchema } = tool;
    made.registerTool(name, { description, inputSchema }, (given) => sent(tool, given));
  }
  return made;
}

const port = process.argv[2];
if (port === undefined) {
  const { serveStdio } = await import("@modelcontextprotocol/server/stdio");
  serveStdio(server);
} else {
  const { createServer } = await import("node:http");
  const { createMcpHandler } = await import("@modelcontextprotocol/server");
  const { toNodeHandler } = await import("@modelcontextprotocol/node");
  const handle = toNodeHandler(createMcpHandler(server, { responseMode: "json" }));
  createServer(handle).listen(Number(port), "127.0.0.1");
}
