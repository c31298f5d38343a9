// The page of the API: what /openapi.json says, for people.
"use strict";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function example(path, method) {
  const address = location.origin + path;
  if (method === "put") {
    return `curl -T one.jpg '${address}'`;
  }
  return method === "post" ? `curl -F images=@one.jpg -F images=@two.png '${address}?top_k=3'` : `curl ${address}`;
}

function describe(path, method, operation) {
  const section = element("section", "operation");
  const title = element("h2");
  title.append(element("span", "method", method.toUpperCase()), element("code", "", path));
  section.append(title, element("p", "", operation.summary), element("p", "faint", operation.description || ""));
  const facts = element("dl");
  const bodies = operation.requestBody ? operation.requestBody.content : {};
  for (const [type, body] of Object.entries(bodies)) {
    const fields = Object.keys(body.schema.properties || {}).join(", ");
    facts.append(element("dt", "", type), element("dd", "", body.schema.description || `files in the field ${fields}`));
  }
  for (const each of operation.parameters || []) {
    const fallback = each.schema.default === undefined ? "" : ` (${each.schema.default})`;
    facts.append(element("dt", "", `?${each.name}=`), element("dd", "", (each.description || each.schema.description || "") + fallback));
  }
  for (const [status, response] of Object.entries(operation.responses)) {
    facts.append(element("dt", "", status), element("dd", "", response.description));
  }
  section.append(facts, element("pre", "", example(path, method)));
  return section;
}

async function show() {
  const api = await (await fetch("/openapi.json")).json();
  document.getElementById("title").textContent = api.info.description;
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      document.getElementById("operations").append(describe(path, method, operation));
    }
  }
}

show();
