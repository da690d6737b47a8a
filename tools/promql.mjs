// Reads Prometheus rules and Grafana dashboards, parses every PromQL expression in them with Prometheus's own grammar, and
// prints what it found as JSON: { alerts: [{ alert, expr, for, labels, annotations }], expressions: [{ where, expr, error }] }.
// Usage: node promql.mjs NODE_MODULES FILE...; .yaml files are rules, .json files dashboards.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const [modules, ...files] = process.argv.slice(2);
const require = createRequire(resolve(modules, 'promql.cjs'));
const { parser } = require('@prometheus-io/lezer-promql');
const { parse } = require('yaml');

/** Where an expression stops being PromQL, or null. */
function error(expr) {
  let found = null;
  parser.configure({ top: 'PromQL' }).parse(expr).iterate({
    enter(node) {
      if (node.type.isError && found === null) found = `not PromQL at ${node.from}: ${expr.slice(node.from, node.from + 20)}`;
    },
  });
  return found;
}

const alerts = [];
const expressions = [];
const add = (where, expr) => expressions.push({ where, expr, error: error(expr) });

for (const file of files) {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.json')) {
    for (const panel of JSON.parse(text).panels) {
      for (const target of panel.targets ?? []) add(panel.title, target.expr);
    }
  } else {
    for (const group of parse(text).groups) {
      for (const rule of group.rules) {
        alerts.push(rule);
        add(rule.alert, rule.expr);
      }
    }
  }
}
process.stdout.write(JSON.stringify({ alerts, expressions }));
