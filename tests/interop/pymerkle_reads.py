"""pymerkle: the root over the lines, every inclusion proof, every earlier root. It knows no notes."""

from __future__ import annotations

import base64
from importlib.metadata import version
from pathlib import Path

from pymerkle import InmemoryTree, InvalidProof, verify_consistency, verify_inclusion

from tests.interop.exports import earlier, leaves, proofs
from tests.interop.verifiers import Counted, Part, Refused


class Pymerkle:
    """pymerkle's tree over our bytes, and its verifier over our proofs."""

    name = "pymerkle"
    version = version("pymerkle")
    reads = frozenset({Part.LEAVES, Part.PATHS, Part.EARLIER})

    def check(self, folder: Path) -> Counted:
        """Raises `Refused`."""
        tree = InmemoryTree(algorithm="sha256")
        for leaf in leaves(folder):
            tree.append_entry(leaf)
        size, root = statement((folder / "checkpoint").read_text())
        if (tree.get_size(), tree.get_root()) != (size, root):
            raise Refused("pymerkle: another root over the same lines")
        counted = Counted()
        try:
            for seq, ours in enumerate(proofs(folder)):
                place = seq + 1
                proof = tree.prove_inclusion(place)
                # Our path and our index in its envelope: the structure that follows from them is its own.
                proof.index, proof.path = ours.index + 1, [tree.get_leaf(place), *ours.hashes]
                verify_inclusion(
                    tree.get_leaf(place), root, proof, index=place, size=size, algorithm="sha256"
                )
                counted += Counted(inclusions=1)
            for old, note in earlier(folder).items():
                # Its consistency proofs have a form of their own, so it proves our roots with its own paths.
                said, old_root = statement(note)
                verify_consistency(
                    old_root, root, tree.prove_consistency(old), prior_size=said, later_size=size
                )
                counted += Counted(consistencies=1)
        except InvalidProof as error:
            raise Refused(f"pymerkle: {error}") from None
        return counted


def statement(note: str) -> tuple[int, bytes]:
    """Size and root that a checkpoint states."""
    _, size, root = note.split("\n")[:3]
    return int(size), base64.b64decode(root, validate=True)
