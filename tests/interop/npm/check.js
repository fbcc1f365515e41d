// Check an export of a consent ledger with @sigstore/verify, as it checks an entry of Rekor.
//
//   node check.js FOLDER    a line of counts, exit 0; or the reason, exit 3
//
// Exit 3 is a refusal by the library. Any other exit is a fault here. The library has no consistency proofs.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const { VerificationError } = require("@sigstore/verify");
const { verifyTLogInclusion } = require("@sigstore/verify/dist/tlog");

// The head of an Ed25519 key in DER (RFC 8410, 4); the 32 bytes of the key follow.
const SPKI = Buffer.from("302a300506032b6570032100", "hex");

function authority(vkey) {
  const [name, , ...blob] = vkey.trim().split("+");
  const key = Buffer.from(blob.join("+"), "base64");
  return {
    logID: crypto.createHash("sha256").update(`${name}\n`).update(key).digest(),
    publicKey: crypto.createPublicKey({
      key: Buffer.concat([SPKI, key.subarray(1)]),
      format: "der",
      type: "spki",
    }),
    baseURL: `https://${name}`,
    validFor: { start: new Date(0), end: new Date(8.64e15) },
  };
}

function readProof(text) {
  const end = text.indexOf("\n\n");
  const [form, index, ...hashes] = text.slice(0, end).split("\n");
  if (form !== "c2sp.org/tlog-proof@v1" || !index.startsWith("index ")) throw new Error("no tlog-proof");
  return {
    logIndex: index.slice("index ".length),
    hashes: hashes.map((one) => Buffer.from(one, "base64")),
    checkpoint: { envelope: text.slice(end + 2) },
  };
}

function check(folder) {
  const read = (...names) => fs.readFileSync(path.join(folder, ...names));
  const authorities = [authority(read("key").toString())];
  const newest = read("checkpoint").toString();
  const leaves = read("export.jsonl").toString("latin1").replace(/\n$/, "").split("\n");
  const proofs = fs.readdirSync(path.join(folder, "proof")).length;
  if (leaves.length !== proofs) throw new Error("not one proof for each entry");
  leaves.forEach((leaf, seq) => {
    const inclusionProof = readProof(read("proof", String(seq)).toString());
    if (inclusionProof.checkpoint.envelope !== newest) throw new Error("a proof ends in another checkpoint");
    verifyTLogInclusion({ inclusionProof, canonicalizedBody: Buffer.from(leaf, "latin1") }, authorities);
  });
  return `${leaves.length} ${leaves.length} 0`;
}

try {
  console.log(check(process.argv[2]));
} catch (error) {
  console.error(error instanceof VerificationError ? error.message : error);
  process.exitCode = error instanceof VerificationError ? 3 : 1;
}
