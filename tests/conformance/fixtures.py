"""The fixtures that the conformance suite expects of a server: `test_…` and `test://…`.

The names and texts come from the suite's scenarios.
"""

import base64
import json
import struct
import warnings
import zlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

Context = ServerRequestContext[Any, Any]
Params = types.CallToolRequestParams
Result = types.CallToolResult
Tool = Callable[[Context, Params], Awaitable[Result | types.InputRequiredResult]]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG: Final = base64.b64encode(
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + _chunk(b"IEND", b"")
).decode()
"""One red pixel."""

WAV: Final = base64.b64encode(
    b"RIFF"
    + struct.pack("<I", 38)
    + b"WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    + b"data"
    + struct.pack("<I", 2)
    + b"\x80\x80"
).decode()
"""Two samples of silence."""

ANYTHING: Final = {"type": "object"}


def said(*blocks: str | types.ContentBlock) -> Result:
    """An answer of texts and other content."""
    content = [types.TextContent(type="text", text=b) if isinstance(b, str) else b for b in blocks]
    return Result(content=content)


def image() -> types.ImageContent:
    """The red pixel."""
    return types.ImageContent(type="image", data=PNG, mime_type="image/png")


def embedded(uri: str, mime_type: str, text: str) -> types.EmbeddedResource:
    """A resource inside an answer."""
    contents = types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)
    return types.EmbeddedResource(type="resource", resource=contents)


def elicitation(message: str, properties: Mapping[str, Any], *required: str) -> types.ElicitRequest:
    """A question to a person."""
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    params = types.ElicitRequestFormParams(message=message, requested_schema=schema)
    return types.ElicitRequest(params=params)


def sampling(text: str, most: int) -> types.CreateMessageRequest:
    """A question to the client's model."""
    message = types.SamplingMessage(role="user", content=types.TextContent(type="text", text=text))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=most)
    )


NAME: Final = {"name": {"type": "string"}}


async def simple_text(_ctx: Context, _params: Params) -> Result:
    """Only text."""
    return said("This is a simple text response for testing.")


async def image_content(_ctx: Context, _params: Params) -> Result:
    """Only an image."""
    return said(image())


async def audio_content(_ctx: Context, _params: Params) -> Result:
    """Only sound."""
    return said(types.AudioContent(type="audio", data=WAV, mime_type="audio/wav"))


async def embedded_resource(_ctx: Context, _params: Params) -> Result:
    """Only a resource."""
    text = "This is an embedded resource content."
    return said(embedded("test://embedded-resource", "text/plain", text))


async def mixed_content(_ctx: Context, _params: Params) -> Result:
    """Text, an image and a resource."""
    data = json.dumps({"test": "data", "value": 123})
    return said(
        "Multiple content types test:",
        image(),
        embedded("test://mixed-content-resource", "application/json", data),
    )


async def error_handling(_ctx: Context, _params: Params) -> Result:
    """An error for the model."""
    text = types.TextContent(type="text", text="This tool intentionally returns an error.")
    return Result(content=[text], is_error=True)


async def with_logging(ctx: Context, _params: Params) -> Result:
    """Three log messages on the way."""
    for data in ("Tool execution started", "Tool processing data", "Tool execution completed"):
        await ctx.session.send_log_message("info", data, related_request_id=ctx.request_id)
    return said("Logged three times.")


async def with_progress(ctx: Context, _params: Params) -> Result:
    """Three steps of progress on the way."""
    for step in (0, 50, 100):
        await ctx.session.report_progress(step, 100)
    return said("Went to the end.")


async def sampled(ctx: Context, params: Params) -> Result:
    """What the client's model says."""
    prompt = str((params.arguments or {})["prompt"])
    request = sampling(prompt, 100).params
    found = await ctx.session.create_message(
        request.messages, max_tokens=100, related_request_id=ctx.request_id
    )
    text = found.content.text if isinstance(found.content, types.TextContent) else ""
    return said(f"LLM response: {text}")


async def _elicited(
    ctx: Context, message: str, properties: Mapping[str, Any], *required: str
) -> types.ElicitResult:
    schema = {"type": "object", "properties": dict(properties), "required": list(required)}
    return await ctx.session.elicit_form(
        message=message, requested_schema=schema, related_request_id=ctx.request_id
    )


async def elicited(ctx: Context, params: Params) -> Result:
    """What a person answers."""
    message = str((params.arguments or {})["message"])
    properties = {
        "username": {"type": "string", "description": "User's response"},
        "email": {"type": "string", "description": "User's email address"},
    }
    found = await _elicited(ctx, message, properties, "username", "email")
    return said(f"User response: action={found.action}, content={json.dumps(found.content)}")


DEFAULTS: Final = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
CHOICES: Final = [
    {"const": "value1", "title": "First Option"},
    {"const": "value2", "title": "Second Option"},
    {"const": "value3", "title": "Third Option"},
]
OPTIONS: Final = ["option1", "option2", "option3"]
ENUMS: Final = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": CHOICES},
    "legacyEnum": {
        "type": "string",
        "enum": ["opt1", "opt2", "opt3"],
        "enumNames": ["Option One", "Option Two", "Option Three"],
    },
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": CHOICES}},
}


def completing(properties: Mapping[str, Any]) -> Tool:
    """A tool that asks for `properties` and tells what came back."""

    async def tool(ctx: Context, _params: Params) -> Result:
        found = await _elicited(ctx, "Please fill this in", properties)
        content = json.dumps(found.content)
        return said(f"Elicitation completed: action={found.action}, content={content}")

    return tool


def asking(
    requests: Mapping[str, types.InputRequest], state: str | None = None, *, done: str = "Done."
) -> Tool:
    """A tool of the newer protocol: asks once, then answers with what came back."""

    async def tool(_ctx: Context, params: Params) -> Result | types.InputRequiredResult:
        answers = params.input_responses or {}
        if not set(requests) <= set(answers) or params.request_state != state:
            return types.InputRequiredResult(input_requests=dict(requests), request_state=state)
        answered = {key: answer.model_dump(mode="json") for key, answer in answers.items()}
        return said(f"{done} {json.dumps(answered)}")

    return tool


async def multi_round(_ctx: Context, params: Params) -> Result | types.InputRequiredResult:
    """Asks twice, then answers."""
    answers = params.input_responses or {}
    if params.request_state == "round 2" and "step2" in answers:
        return said("All steps are done.")
    if params.request_state == "round 1" and "step1" in answers:
        color = {"color": {"type": "string"}}
        question = elicitation("Step 2: What is your favorite color?", color, "color")
        return types.InputRequiredResult(
            input_requests={"step2": question}, request_state="round 2"
        )
    question = elicitation("Step 1: What is your name?", NAME, "name")
    return types.InputRequiredResult(input_requests={"step1": question}, request_state="round 1")


async def by_capability(ctx: Context, params: Params) -> Result | types.InputRequiredResult:
    """Asks only for what the client can do."""
    if params.input_responses:
        return said("Done.")
    declared = ctx.session.client_capabilities
    requests: dict[str, types.InputRequest] = {}
    if declared is not None and declared.sampling is not None:
        requests["sampled"] = sampling("Say something", 50)
    if declared is not None and declared.elicitation is not None:
        requests["elicited"] = elicitation("What is your name?", NAME, "name")
    if declared is not None and declared.roots is not None:
        requests["roots"] = types.ListRootsRequest()
    return (
        types.InputRequiredResult(input_requests=requests) if requests else said("Nothing to ask.")
    )


async def missing_capability(ctx: Context, _params: Params) -> Result:
    """Needs the client's model, and says so if there is none."""
    declared = ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        raise MCPError(
            code=types.MISSING_REQUIRED_CLIENT_CAPABILITY,
            message="This tool needs sampling.",
            data={"requiredCapabilities": {"sampling": {}}},
        )
    return said("The client can sample.")


OK: Final = {"ok": {"type": "boolean"}}
WHO: Final = elicitation("What is your name?", NAME, "name")
CONFIRM: Final = elicitation("Please confirm", OK, "ok")

TOOLS: Final[dict[str, Tool]] = {
    "test_simple_text": simple_text,
    "test_image_content": image_content,
    "test_audio_content": audio_content,
    "test_embedded_resource": embedded_resource,
    "test_multiple_content_types": mixed_content,
    "test_error_handling": error_handling,
    "test_tool_with_logging": with_logging,
    "test_logging_tool": with_logging,
    "test_tool_with_progress": with_progress,
    "test_sampling": sampled,
    "test_elicitation": elicited,
    "test_elicitation_sep1034_defaults": completing(DEFAULTS),
    "test_elicitation_sep1330_enums": completing(ENUMS),
    "test_missing_capability": missing_capability,
    "test_input_required_result_elicitation": asking({"user_name": WHO}, done="Hello!"),
    "test_input_required_result_sampling": asking(
        {"capital_question": sampling("What is the capital of France?", 100)}
    ),
    "test_input_required_result_list_roots": asking({"client_roots": types.ListRootsRequest()}),
    "test_input_required_result_request_state": asking(
        {"confirm": CONFIRM}, "a state", done="state-ok"
    ),
    "test_input_required_result_tampered_state": asking({"confirm": CONFIRM}, "a state"),
    "test_input_required_result_multiple_inputs": asking(
        {
            "user_name": WHO,
            "greeting": sampling("Generate a greeting", 50),
            "client_roots": types.ListRootsRequest(),
        },
        "a state",
    ),
    "test_input_required_result_multi_round": multi_round,
    "test_input_required_result_capabilities": by_capability,
}

STATIC: Final[dict[str, types.TextResourceContents | types.BlobResourceContents]] = {
    "test://static-text": types.TextResourceContents(
        uri="test://static-text",
        mime_type="text/plain",
        text="This is the content of the static text resource.",
    ),
    "test://static-binary": types.BlobResourceContents(
        uri="test://static-binary", mime_type="image/png", blob=PNG
    ),
}
TEMPLATE: Final = "test://template/{id}/data"


def resource(uri: str) -> types.ReadResourceResult | None:
    """A resource of the suite, if it is one."""
    if uri in STATIC:
        return types.ReadResourceResult(contents=[STATIC[uri]])
    before, after = TEMPLATE.split("{id}")
    if uri.startswith(before) and uri.endswith(after):
        found = uri.removeprefix(before).removesuffix(after)
        data = {"id": found, "templateTest": True, "data": f"Data for ID: {found}"}
        text = types.TextResourceContents(
            uri=uri, mime_type="application/json", text=json.dumps(data)
        )
        return types.ReadResourceResult(contents=[text])
    return None


def _spoken(*blocks: str | types.ContentBlock) -> types.GetPromptResult:
    contents = [types.TextContent(type="text", text=b) if isinstance(b, str) else b for b in blocks]
    return types.GetPromptResult(
        messages=[types.PromptMessage(role="user", content=content) for content in contents]
    )


PROMPTS: Final = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}


def prompt(
    params: types.GetPromptRequestParams,
) -> types.GetPromptResult | types.InputRequiredResult:
    """A prompt of the suite."""
    given = params.arguments or {}
    match params.name:
        case "test_simple_prompt":
            return _spoken("This is a simple prompt for testing.")
        case "test_prompt_with_arguments":
            first, second = given["arg1"], given["arg2"]
            return _spoken(f"Prompt with arguments: arg1='{first}', arg2='{second}'")
        case "test_prompt_with_embedded_resource":
            text = "Embedded resource content for testing."
            block = embedded(given["resourceUri"], "text/plain", text)
            return _spoken(block, "Please process the embedded resource above.")
        case "test_prompt_with_image":
            return _spoken(image(), "Please analyze the image above.")
    if params.input_responses:
        return _spoken("The context was given.")
    context = {"context": {"type": "string"}}
    question = elicitation("What context should the prompt use?", context, "context")
    return types.InputRequiredResult(input_requests={"user_context": question})


def modern(ctx: Context) -> bool:
    """Whether the request speaks the newer protocol."""
    return ctx.protocol_version in MODERN_PROTOCOL_VERSIONS


def quiet() -> None:
    """The suite still tests deprecated parts of the protocol, about which the SDK warns."""
    warnings.simplefilter("ignore")
