// A host of MCP Apps for the tests, built on the official library. It shows one card at a time.

import { AppBridge, PostMessageTransport } from "@modelcontextprotocol/ext-apps/app-bridge";

let bridge = null;
window.toldToModel = [];

window.showCard = async (html, { input, result, theme }) => {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.title = "Card";
  document.body.replaceChildren(frame);
  const shown = new AppBridge(
    null,
    { name: "test host", version: "1" },
    { serverTools: {}, updateModelContext: { text: {} } },
    { hostContext: { theme, displayMode: "inline", locale: "en" } },
  );
  bridge = shown;
  const initialized = new Promise((resolve) => { shown.oninitialized = resolve; });
  shown.oncalltool = async (params) => JSON.parse(await window.callServer(JSON.stringify(params)));
  shown.onupdatemodelcontext = async (params) => {
    window.toldToModel.push(params);
    return {};
  };
  shown.onsizechange = ({ height }) => { frame.style.height = `${height}px`; };
  await shown.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.srcdoc = html;
  await initialized;
  await shown.sendToolInput({ arguments: input });
  await shown.sendToolResult(result);
};

window.setTheme = (theme) => bridge.setHostContext({ theme, displayMode: "inline", locale: "en" });
