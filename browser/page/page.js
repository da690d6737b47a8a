// Shows what the follower finds out, and asks it what a person asks.

import { Follower, fingerprint, reason } from "./follower.js";

const POLL_MS = 5_000;
const UPDATE_BYTES = 217;

const $ = (id) => document.getElementById(id);
const query = new URLSearchParams(location.search);
const here = new URL("..", location.href).href;
const sources = (query.getAll("source").length ? query.getAll("source") : [here]).map((url) => url.replace(/\/+$/, ""));
let notice = "";
const follower = new Follower({ sources, fingerprint: query.get("network")?.toLowerCase(), storage: localStorage });

function say(element, verdict, text) {
  if (element.dataset.verdict === verdict && element.textContent === text) return;
  element.dataset.verdict = verdict;
  element.textContent = text;
}

function describe(list, facts) {
  const terms = Object.entries(facts).flatMap(([name, fact]) => {
    const [term, description] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = name;
    description.textContent = fact;
    return [term, description];
  });
  list.replaceChildren(...terms);
}

async function show() {
  showVerdict();
  showProven();
  showSources();
  await showNetwork();
}

function showVerdict() {
  const { client, equivocation, milliseconds } = follower;
  const alarm = $("alarm");
  const equivocated = equivocation && `Equivocation: ${equivocation.url} has another valid state of epoch ${equivocation.epoch} than the one held here. One network has two histories.`;
  alarm.textContent = equivocated ?? notice;
  alarm.hidden = !alarm.textContent;
  if (client) {
    const took = milliseconds === null ? "from this browser's checkpoint" : `in ${milliseconds.toFixed(0)} ms`;
    return say($("verdict"), "accepted", `Accepted: epoch ${client.held.epoch} descends from genesis through ${client.held.epoch} valid epochs. Checked here, ${took}.`);
  }
  const refused = follower.sources.find((source) => source.verdict === "refused");
  if (refused) return say($("verdict"), "refused", `Refused: ${refused.url}: ${refused.message}`);
  say($("verdict"), "waiting", "No proof could be had from any source yet.");
}

function showProven() {
  const { client, descent } = follower;
  if (!client) {
    $("claim").textContent = "Nothing yet.";
    return $("facts").replaceChildren();
  }
  const { epoch, depth, root, history, inFlight } = client.held;
  $("claim").textContent = `From genesis through ${epoch} epochs, every step of every shard was a valid execution of its registered program, and kept the rules for clocks, causality and value.`;
  describe($("facts"), {
    Epoch: epoch,
    Shards: `up to ${3 ** depth} (${depth} levels)`,
    "Root of the shards": root,
    "Root of the history": history,
    "Value in flight": inFlight,
    "Bytes checked": UPDATE_BYTES,
    ...(descent && { Descent: descent.shown ? `its history records epoch ${descent.from}, which was held here before` : `not shown from epoch ${descent.from}, which was held here before` }),
  });
}

function showSources() {
  const rows = follower.sources.map(({ url, epoch, verdict, message }) => {
    const row = document.createElement("tr");
    row.dataset.verdict = verdict;
    for (const text of [url, epoch ?? "–", message]) row.insertCell().textContent = text;
    return row;
  });
  $("sources").replaceChildren(...rows);
}

async function showNetwork() {
  const { network } = follower;
  if (!network) {
    $("pinned").textContent = "No network is known yet.";
    return $("network").replaceChildren();
  }
  const print = await fingerprint(network);
  const named = query.has("network");
  $("pinned").textContent = named ? "The constants are those that the address of this page names." : "The constants came from the sources on the first visit and are kept since. To rely on nobody, compare the fingerprint with one that you know, or open this page with ?network=FINGERPRINT.";
  describe($("network"), { Fingerprint: print ?? "shown over https only", "Bytes kept": `${network.length}, and a checkpoint of ${UPDATE_BYTES}` });
}

const shardFacts = (shard) => ({
  Epoch: shard.epoch,
  Program: shard.program,
  Body: shard.body,
  Supply: shard.supply,
  Events: shard.clock.lamport,
  "Its own clock": new Date(shard.clock.unixMilliseconds).toISOString(),
  "Had seen epoch": shard.clock.seenEpoch,
});

const accountFacts = (account) => ({
  Epoch: account.epoch,
  Shard: account.shard,
  Balance: account.balance,
  ...(account.key ? { "Messages signed": account.ordinal, "Public key, u": account.key } : { "Transfers signed": account.ordinal, "Public key, x": account.ax, "Public key, y": account.ay }),
});

/** A sentence and facts, or why there are none. */
async function answer(output, work) {
  const [sentence, list] = [document.createElement("p"), document.createElement("dl")];
  output.replaceChildren();
  try {
    const { verdict, text, facts } = await work();
    say(sentence, verdict, text);
    describe(list, facts);
  } catch (error) {
    const refused = reason(error);
    say(sentence, "refused", refused.charAt(0).toUpperCase() + refused.slice(1));
  }
  output.replaceChildren(sentence, list);
}

function aboutShard({ shard, state, index }) {
  const { epoch } = state;
  if (!shard.present) return { verdict: "accepted", text: `Shard ${index} is verifiably absent: epoch ${epoch} has nothing at its place.`, facts: { Epoch: epoch } };
  return { verdict: "accepted", text: `Shard ${index} is present in epoch ${epoch}. Verified here.`, facts: shardFacts(shard) };
}

function aboutAccount(receipt) {
  const { account, accountIndex, index, state } = receipt;
  if (!account) return aboutShard(receipt);
  if (!account.present) return { verdict: "accepted", text: `Account ${accountIndex} of shard ${index} is verifiably absent in epoch ${state.epoch}.`, facts: { Epoch: state.epoch } };
  return { verdict: "accepted", text: `Account ${accountIndex} of shard ${index} holds ${account.balance} in epoch ${state.epoch}. Verified here.`, facts: accountFacts(account) };
}

/** Numbers as they are written, without leading zeros: addresses and receipts spell them so. */
const number = (id) => BigInt($(id).value.trim()).toString();

function listen(form, output, work) {
  $(form).addEventListener("submit", (event) => {
    event.preventDefault();
    answer($(output), work);
  });
}

listen("shard-form", "shard-answer", async () => aboutShard(await follower.shard(number("shard-index"))));
listen("receipt-form", "account-answer", async () => {
  const [file] = $("receipt-file").files;
  return aboutAccount(follower.receipt(file ? await file.text() : $("receipt-text").value));
});
listen("account-form", "account-answer", async () => {
  const url = $("account-url").value.trim().replace(/\/+$/, "");
  return aboutAccount(await follower.account(url, number("account-shard"), number("account-index")));
});
$("forget").addEventListener("click", async () => {
  follower.forget();
  await follow();
});

let following;

/** One round at a time. */
function follow() {
  following ??= follower
    .poll()
    .then(show)
    .finally(() => (following = undefined));
  return following;
}

await follower.restore().catch((error) => {
  follower.forget();
  notice = `What an earlier visit stored is not used: ${reason(error)}`;
});
await show();
await follow();
setInterval(() => document.hidden || follow(), POLL_MS);
document.addEventListener("visibilitychange", () => document.hidden || follow());
