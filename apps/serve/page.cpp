#include "serve/page.hpp"

namespace openset::serve::page {

const std::string_view html = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>openset</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>
<body><main>
<header><h1>What is it, and is it anything known?</h1>
<p>Each stage may stop a picture. What passes all of them has a name; everything else is unknown.</p></header>
<form id="form">
<label class="drop" id="drop" for="file"><input type="file" id="file" accept="image/*">
<img id="picture" alt="" hidden><span id="hint"><b>Choose a picture</b> or drop one here</span></label>
<div class="settings">
<label>Pipeline <select id="model"></select></label>
<label class="check"><input type="checkbox" id="open" checked> may say unknown</label>
<label id="token-row" hidden>Token <input type="password" id="token" autocomplete="off"></label>
</div></form>
<section id="result" aria-live="polite" hidden><p class="verdict"><span id="verdict"></span><small id="why"></small></p>
<ol id="chain"></ol></section>
<p id="problem" role="alert" hidden></p>
<footer><a href="/docs">How programs ask</a></footer>
</main><script src="/page.js"></script></body></html>
)html";

const std::string_view style = R"css(*{box-sizing:border-box}
:root{--page:#f7f6f3;--ground:#fff;--ink:#1c1d20;--muted:#62656c;--line:#dedcd5;--accent:#0072B2;--pass:#00785a;--stop:#b04a00;color-scheme:light dark}
@media(prefers-color-scheme:dark){:root{--page:#141518;--ground:#1d1f23;--ink:#eceae4;--muted:#a2a5ac;--line:#33363d;--accent:#56A9E0;--pass:#3cc59b;--stop:#f0965a}}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:46rem;margin:0 auto;padding:2rem 1rem 3rem}
h1{font-size:clamp(1.5rem,5vw,2.1rem);line-height:1.2;letter-spacing:-.02em;margin:0 0 .4rem}
header p,footer,small{color:var(--muted)}header p{margin:0 0 1.4rem}
.drop{display:flex;align-items:center;justify-content:center;min-height:11rem;padding:1rem;border:2px dashed var(--line);border-radius:.9rem;background:var(--ground);cursor:pointer;text-align:center}
.drop:focus-within,.drop.over{border-color:var(--accent)}
.drop input{position:absolute;width:1px;height:1px;opacity:0}
.drop img{max-width:100%;max-height:19rem;border-radius:.5rem}
.settings{display:flex;flex-wrap:wrap;gap:.6rem 1.4rem;align-items:center;margin:1rem 0;font-size:.93rem}
select,.settings input[type=password]{font:inherit;color:inherit;background:var(--ground);border:1px solid var(--line);border-radius:.4rem;padding:.35rem .5rem;max-width:100%}
.verdict{font-size:1.7rem;font-weight:650;letter-spacing:-.02em;line-height:1.25;margin:1.4rem 0 .8rem;overflow-wrap:anywhere}
.verdict small{display:block;font-size:1rem;font-weight:400;letter-spacing:0}
ol{list-style:none;margin:0;padding:0}
li{position:relative;background:var(--ground);border:1px solid var(--line);border-left:.35rem solid var(--line);border-radius:.6rem;padding:.8rem 1rem;margin:0 0 .7rem;animation:light .35s both}
li.pass{border-left-color:var(--pass)}li.stop{border-left-color:var(--stop)}li.idle{opacity:.55}
li h2{font-size:1rem;margin:0;display:flex;justify-content:space-between;gap:1rem}
li h2 b{font-weight:600}li.pass h2 span{color:var(--pass)}li.stop h2 span{color:var(--stop)}
li p{margin:.25rem 0 0;color:var(--muted);font-size:.92rem;overflow-wrap:anywhere}
.bar{display:grid;grid-template-columns:minmax(0,1fr) 3.6rem;gap:.1rem .7rem;align-items:center;font-size:.88rem;margin-top:.4rem}
.bar span:first-child{overflow-wrap:anywhere}.bar span:nth-child(2){text-align:right}
progress{grid-column:1/-1;width:100%;height:.4rem;border:0;border-radius:.2rem;background:var(--line);appearance:none;overflow:hidden}
progress::-webkit-progress-bar{background:var(--line)}progress::-webkit-progress-value{background:var(--accent)}progress::-moz-progress-bar{background:var(--accent)}
#problem{border-left:.35rem solid var(--stop);background:var(--ground);padding:.8rem 1rem;border-radius:.6rem}
a{color:var(--accent)}footer{margin-top:2rem;font-size:.9rem}
code,pre{font:.88em/1.5 ui-monospace,SFMono-Regular,Menlo,monospace}pre{background:var(--ground);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;overflow-x:auto}
[hidden]{display:none!important}
@keyframes light{from{opacity:0;transform:translateY(.3rem)}}
@media(prefers-reduced-motion:reduce){li{animation:none}}
)css";

const std::string_view script = R"js('use strict';
const at = (id) => document.getElementById(id);
const percent = (p) => p >= 0.9995 && p < 1 ? '>99.9 %' : (100 * p).toFixed(1) + ' %';
let file = null, asked = 0;

function headers() {
  const token = at('token').value;
  return token ? {Authorization: 'Bearer ' + token} : {};
}

function make(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function bar(label, probability) {
  const row = make('div', undefined, 'bar'), value = document.createElement('progress');
  value.max = 1;
  value.value = probability;
  value.setAttribute('aria-label', label);
  row.append(make('span', label), make('span', percent(probability)), value);
  return row;
}

// What a stage found, in words and bars; nothing of it where the picture did not come so far.
const stages = {
  gate: ['Gate: is it the kind of thing at all?', (s) => [
    make('p', s.rank === 1 ? 'The likeliest label is an accepted one.' : 'The best accepted label has rank ' + s.rank + '.'),
    bar('likeliest: ' + s.label, s.probability), bar('all accepted labels together', s.mass)]],
  species: ['Species filter', (s) => [bar('likeliest: ' + s.label, s.probability)]],
  classifier: ['Classifier', (s) => s.top.map((t) => bar(t.label, t.probability))],
  unknown: ['Is it unknown to the classifier?', (s) => [
    make('p', s.method + ': score ' + s.score + (s.threshold === undefined ? '' : ', rejected above ' + s.threshold)),
    ...(s.p_unknown === undefined ? [] : [bar('unknown', s.p_unknown)])]],
};

function show(row, asked) {
  const chain = at('chain');
  chain.replaceChildren();
  let delay = 0;
  for (const [name, [title, tell]] of Object.entries(stages)) {
    const figures = row[name];
    if (!figures) {
      if (asked.includes(name)) chain.append(idle(title));
      continue;
    }
    const stops = row.outcome !== 'known' && row.decided_by === name;
    const stage = make('li', undefined, stops ? 'stop' : 'pass'), head = make('h2');
    head.append(make('b', title), make('span', stops ? 'stopped here' : name === 'classifier' ? 'named' : 'passed'));
    stage.append(head, ...tell(figures));
    stage.style.animationDelay = delay + 'ms';
    delay += 250;
    chain.append(stage);
  }
  at('verdict').textContent = row.verdict;
  at('why').textContent = why(row);
  at('result').hidden = false;
}

function idle(title) {
  const stage = make('li', undefined, 'idle'), head = make('h2');
  head.append(make('b', title), make('span', 'not asked'));
  stage.append(head);
  return stage;
}

function why(row) {
  switch (row.outcome === 'known' ? 'known' : row.decided_by) {
    case 'known': return 'It passed every stage; the classifier gives it ' + percent(row.probability) + '.';
    case 'gate': return row.gate.rank === 1 ? 'The accepted labels together are not likely enough for the gate.' : 'The gate takes it for ' + row.gate.label + ', which is not accepted.';
    case 'species': return 'The species filter says ' + row.species.label + ' with ' + percent(row.species.probability) + ', which does not pass.';
    case 'unknown': return 'It looked most like ' + row.classifier.label + ', but unlike what the classifier has learnt.';
    default: return 'No label of the classifier is likely enough.';
  }
}

function tell(problem) {
  at('problem').textContent = problem;
  at('problem').hidden = !problem;
  if (problem) at('result').hidden = true;
}

async function ask() {
  if (!file) return;
  const mine = ++asked, form = new FormData();
  form.append('file', file, file.name);
  const query = new URLSearchParams({model_name: at('model').value, open_set: at('open').checked});
  tell('');
  document.body.setAttribute('aria-busy', 'true');
  try {
    const response = await fetch('/prediction/?' + query, {method: 'POST', body: form, headers: headers()});
    const answer = await response.json();
    if (mine !== asked) return;
    if (response.status === 401) return want_token();
    if (!response.ok) return tell(answer.detail);
    show(answer.row, answer.stages);
  } catch (error) {
    if (mine === asked) tell('The server did not answer.');
  } finally {
    if (mine === asked) document.body.removeAttribute('aria-busy');
  }
}

function take(chosen) {
  if (!chosen) return;
  file = chosen;
  const picture = at('picture');
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(file);
  picture.alt = file.name;
  picture.hidden = false;
  at('hint').hidden = true;
  picture.onerror = () => { picture.hidden = true; at('hint').hidden = false; at('hint').textContent = file.name; };
  ask();
}

function want_token() {
  at('token-row').hidden = false;
  tell('This server asks for a token.');
  at('token').focus();
}

async function list() {
  const response = await fetch('/list_model_names/', {headers: headers()});
  if (response.status === 401) return want_token();
  tell('');
  at('model').replaceChildren(...(await response.json()).map((name) => new Option(name)));
  ask();
}

at('file').onchange = () => take(at('file').files[0]);
at('model').onchange = at('open').onchange = ask;
at('token').onchange = list;
at('form').onsubmit = (event) => event.preventDefault();
const drop = at('drop');
for (const kind of ['dragover', 'dragleave', 'drop']) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') take(event.dataTransfer.files[0]);
  });
}
document.addEventListener('paste', (event) => take(event.clipboardData.files[0]));
list();
)js";

const std::string_view docs_html = R"html(<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>openset: how programs ask</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/page.css"></head>
<body><main><header><h1>How programs ask</h1><p>The same for machines: <a href="/openapi.json">openapi.json</a></p></header>
<pre id="curl"></pre><ol id="paths"></ol><footer><a href="/">Try a picture</a></footer></main><script src="/docs.js"></script></body></html>
)html";

const std::string_view docs_script = R"js('use strict';
document.getElementById('curl').textContent = 'curl -F file=@photo.jpg ' + location.origin + '/prediction/';
fetch('/openapi.json').then((response) => response.json()).then((api) => {
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const [method, what] of Object.entries(methods)) {
      const item = document.createElement('li'), head = document.createElement('h2'), text = document.createElement('p');
      head.textContent = method.toUpperCase() + ' ' + path;
      text.textContent = what.summary;
      item.append(head, text);
      for (const [status, meaning] of Object.entries(what.responses)) {
        const line = document.createElement('p');
        line.textContent = status + ': ' + meaning.description;
        item.append(line);
      }
      document.getElementById('paths').append(item);
    }
  }
});
)js";

const std::string_view openapi = R"json({
  "openapi": "3.1.0",
  "info": {"title": "openset", "version": "1", "description": "Pictures in, verdicts out: what it is, or which stage rejected it."},
  "components": {
    "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "where the server was given a token"}},
    "schemas": {
      "Problem": {"type": "object", "required": ["detail"], "properties": {"detail": {"type": "string"}, "row": {"type": "object"}}},
      "Prediction": {"type": "object", "required": ["filename", "contenttype", "pred", "conf", "level", "stages", "row"], "properties": {
        "filename": {"type": "string"}, "contenttype": {"type": "string"},
        "pred": {"type": "string", "description": "a label, or UNKNOWN"},
        "conf": {"type": "string", "description": "percent, such as 97.3%"},
        "level": {"type": "integer", "enum": [0, 1, 2], "description": "0: the gate rejected it, 1: the species filter did, 2: the classifier was asked"},
        "stages": {"type": "array", "items": {"type": "string"}, "description": "that the pipeline has"},
        "row": {"type": "object", "description": "the row of openset infer"}}}}},
  "paths": {
    "/prediction/": {"post": {
      "summary": "What a picture is: multipart/form-data with one part \"file\". model_name: the first pipeline where it is left out; open_set=false: the classifier alone, which rejects nothing.",
      "security": [{}, {"token": []}],
      "parameters": [{"name": "model_name", "in": "query", "schema": {"type": "string"}}, {"name": "open_set", "in": "query", "schema": {"type": "boolean", "default": true}}],
      "requestBody": {"required": true, "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}}}},
      "responses": {
        "200": {"description": "the verdict", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Prediction"}}}},
        "400": {"description": "a broken form"}, "401": {"description": "no token, or a wrong one"}, "404": {"description": "no such model"},
        "411": {"description": "no Content-Length"}, "413": {"description": "too many bytes or pixels"}, "415": {"description": "not a picture, or no form"},
        "422": {"description": "a broken picture, or a field that is missing"}, "429": {"description": "too many predictions at a time: Retry-After says when to come again"},
        "503": {"description": "its turn did not come within the latency budget"}, "504": {"description": "it took too long"}}}},
    "/list_model_names/": {"get": {"summary": "The names of the pipelines.", "security": [{}, {"token": []}], "responses": {"200": {"description": "a list of names"}}}},
    "/healthz": {"get": {"summary": "Whether pictures are answered.", "responses": {"200": {"description": "they are"}, "503": {"description": "a pipeline has ended"}}}},
    "/metrics": {"get": {"summary": "Figures in Prometheus' text format.", "security": [{}, {"token": []}], "responses": {"200": {"description": "the figures"}}}}
  }
}
)json";

} // namespace openset::serve::page
