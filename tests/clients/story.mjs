// What every client library is made to do, and what it has to tell of it; as story.py.

const CONFIRMATION = /confirmation"?:? ?"([0-9a-f]{32})"/;
const READ = ["get_member_overview", { member: "101" }];
const DEBIT = { member: "101", amount: 50, reason: "Goodwill" };

// Somebody who is shown dialogs, and agrees from the second on.
class Person {
  shown = [];

  answer(message) {
    this.shown.push(message);
    return this.shown.length > 1 ? { action: "accept", content: { agree: true } } : { action: "decline" };
  }
}

// `connect` opens a session: `tools`, `call` and `close`. Without a person it has no dialogs.
export async function run(version, connect) {
  const [command, ...args] = process.argv.slice(2);
  const server = { command, args, env: { ...process.env } };
  const found = { version };

  const plain = await connect(server, null);
  found.tools = await plain.tools();
  found.before = await plain.call(...READ);
  found.error = await plain.call("debit_points", { ...DEBIT, amount: 100_000 });
  found.preview = await plain.call("debit_points", DEBIT);
  const agreed = { ...DEBIT, confirmation: found.preview.match(CONFIRMATION)?.[1] ?? "" };
  found.applied = await plain.call("debit_points", agreed);
  found.again = await plain.call("debit_points", agreed);
  found.after = await plain.call(...READ);
  await plain.close();

  const person = new Person();
  const asking = await connect(server, person);
  found.declined = await asking.call("debit_points", DEBIT);
  found.agreed = await asking.call("debit_points", DEBIT);
  found.end = await asking.call(...READ);
  await asking.close();
  found.dialogs = person.shown;

  process.stdout.write(`${JSON.stringify(found)}\n`);
}

export const textOf = (result) =>
  result.content
    .filter((block) => block.type === "text")
    .map((block) => block.text)
    .join("\n");
