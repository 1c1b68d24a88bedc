// Parses every LogQL expression that the project ships by Grafana's own grammar of the language
// (https://github.com/grafana/lezer-logql), and names each that it has an error in. The grammar knows neither labels nor
// regular expressions: the tests in observability/src/provision look at labels.
//
//   node check.mjs ROOT   ROOT is the root of the repository
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parser } from '@grafana/lezer-logql';
import { parse as parseYaml } from 'yaml';

const root = process.argv[2] ?? '.';
const read = (file) => readFileSync(join(root, file), 'utf8');
const tracked = (...patterns) =>
  execFileSync('git', ['-C', root, 'ls-files', '--', ...patterns], { encoding: 'utf8' }).split('\n').filter(Boolean);

/** Where the first error in `expr` is, from 0; nothing when it is LogQL. */
function errorAt(expr) {
  let at;
  parser.parse(expr).iterate({
    enter(node) {
      if (node.type.isError) at ??= node.from;
    },
  });
  return at;
}

/** Calls `visit(object, path)` for `value` and every object in it. */
function walk(value, visit, path = []) {
  if (value === null || typeof value !== 'object') return;
  if (!Array.isArray(value)) visit(value, path);
  for (const [key, inner] of Object.entries(value)) walk(inner, visit, [...path, key]);
}

/** Expressions under the key `key` of any object in `value`. */
function keyed(file, value, key) {
  const found = [];
  walk(value, (object, path) => {
    if (typeof object[key] === 'string') {
      found.push({ file, place: object.alert ?? [...path, key].join('.'), expr: object[key] });
    }
  });
  return found;
}

const ofYaml = (key) => (file) => keyed(file, parseYaml(read(file)), key);

/** What a dashboard asks Loki, with the values that Grafana sets by itself. */
function ofDashboard(file) {
  const found = [];
  const ofLoki = (object) => (object.datasource?.uid ?? object.datasource?.type) === 'loki';
  walk(JSON.parse(read(file)), (object, path) => {
    for (const text of ofLoki(object) ? [object.expr, object.query?.stream] : []) {
      if (!text) continue;
      const place = [...path, object.refId ?? object.name].filter((part) => part !== undefined).join('.');
      found.push({ file, place, expr: text.replace(/\[\$__\w+\]/g, '[1m]') });
    }
  });
  return found;
}

/** Links into Loki from other data sources; `$` is written twice in these files. */
function ofDatasources(file) {
  const targets = [];
  walk(parseYaml(read(file)), (object) => {
    if (object.targetUID === 'loki') targets.push(object.config);
  });
  return keyed(file, targets, 'expr').map((found) => ({ ...found, expr: found.expr.replaceAll('$$', '$') }));
}

/** Rules that Grafana evaluates and that ask Loki. */
function ofGrafanaRules(file) {
  const asked = [];
  walk(parseYaml(read(file)), (object) => {
    if (object.datasourceUid === 'loki') asked.push(object.model);
  });
  return keyed(file, asked, 'expr');
}

/** What `pattern` finds in each line, by its first group. */
const ofLines = (pattern, change = (expr) => expr) => (file) =>
  read(file).split('\n').flatMap((line, at) =>
    [...line.matchAll(pattern)].map((match) => ({ file, place: `line ${at + 1}`, expr: change(match[1]) })));

const sources = [
  ["the rules of Loki's ruler", ['observability/loki/rules/**.yml'], ofYaml('expr')],
  ['the shipper', ['observability/promtail/*.yml'], ofYaml('selector')],
  ['dashboards', ['observability/grafana/dashboards/*.json'], ofDashboard],
  ['data sources', ['observability/grafana/provisioning/datasources/*.yml'], ofDatasources],
  // A test holds this file to what the programs ask.
  ['the programs', ['observability/src/logs/asked.logql'], ofLines(/^(.+)$/g)],
  // A selector without a metric's name before it is LogQL.
  ['documents', ['*.md'], ofLines(/`([^`]*?(?<![\w:])\{\w+ *[=!][^`]*)`/g)],
  ['scripts', ['scripts/*'], ofLines(/[ "']query=(\{.*?\})"/g, (expr) => expr.replaceAll('\\"', '"'))],
];
const mayBeNone = [['rules of Grafana', ['observability/grafana/provisioning/alerting/*.yml'], ofGrafanaRules]];

/** What a real Loki was asked, and what it made of it, holds the grammar, and shows that it refuses something. */
function ofRecordings() {
  const dir = 'observability/tests/recordings/loki';
  const asked = tracked(`${dir}/*.json`).map((file) => [file, JSON.parse(read(file))]);
  const queries = asked.filter(([, told]) => told.request.params?.query && told.response);
  const taken = queries.filter(([, told]) => told.response.status === 200);
  const refused = queries.filter(([, told]) => told.response.text?.includes('syntax error'));
  if (taken.length === 0 || refused.length === 0) throw new Error(`${dir} has no query that Loki took, or none that it refused`);
  for (const [file, told] of refused) {
    if (errorAt(told.request.params.query) === undefined) throw new Error(`${file}: Loki refused this, and the grammar does not`);
  }
  return taken.map(([file, told]) => ({ file, place: 'request', expr: told.request.params.query }));
}

const found = ofRecordings();
const counts = [`${found.length} that a real Loki took`];
for (const [name, patterns, collect] of [...sources, ...mayBeNone]) {
  const expressions = tracked(...patterns).flatMap(collect);
  if (expressions.length === 0 && !mayBeNone.some(([optional]) => optional === name)) {
    throw new Error(`no LogQL was found in ${name} (${patterns}); scripts/logql/check.mjs looks at the wrong place`);
  }
  counts.push(`${expressions.length} of ${name}`);
  found.push(...expressions);
}

const wrong = found.map((one) => ({ ...one, at: errorAt(one.expr) })).filter((one) => one.at !== undefined);
for (const { file, place, expr, at } of wrong) {
  console.error(`${file}: ${place}: this is no LogQL from character ${at + 1} on:\n    ${expr}`);
}
if (wrong.length > 0) process.exit(1);
console.log(`${found.length} expressions: ${counts.join(', ')}`);
