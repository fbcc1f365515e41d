// Check an export of a consent ledger with golang.org/x/mod/sumdb, which reads the Go checksum database.
//
//	check FOLDER    check everything; a line of counts, exit 0; or the reason, exit 3
//	check sign      sign a checkpoint with a new key; print key and note
//	check open KEY  open the note on standard input; exit 0 or 3
//
// Exit 3 is a refusal by the library or by a comparison of its answer with ours. Any other exit is a fault here.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func refuse(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(3)
}

func fault(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func held(what string, err error) {
	if err != nil {
		refuse("%s: %v", what, err)
	}
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "sign":
		sign()
	case len(os.Args) == 3 && os.Args[1] == "open":
		text, err := io.ReadAll(os.Stdin)
		fault(err)
		open(text, os.Args[2])
	case len(os.Args) == 2:
		check(os.Args[1])
	default:
		fault(fmt.Errorf("usage: check FOLDER | sign | open KEY"))
	}
}

func check(folder string) {
	key := strings.TrimSpace(string(read(folder, "key")))
	text := read(folder, "checkpoint")
	tree := open(text, key)
	notes, inclusions, consistencies := 1, 0, 0

	// The lines alone give the root.
	leaves := bytes.Split(bytes.TrimSuffix(read(folder, "export.jsonl"), []byte("\n")), []byte("\n"))
	if int64(len(leaves)) != tree.N {
		refuse("the checkpoint is of %d entries, not %d", tree.N, len(leaves))
	}
	own := &stored{}
	for n, leaf := range leaves {
		hashes, err := tlog.StoredHashes(int64(n), leaf, own)
		fault(err)
		own.hashes = append(own.hashes, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, own)
	fault(err)
	if root != tree.Hash {
		refuse("the entries give another root")
	}

	// The tiles, authenticated against the checkpoint, hold the same hashes.
	tiles := tlog.TileHashReader(tree, served{folder})
	indexes := make([]int64, len(leaves))
	for n := range leaves {
		indexes[n] = tlog.StoredHashIndex(0, int64(n))
	}
	hashes, err := tiles.ReadHashes(indexes)
	held("tiles", err)
	for n, leaf := range leaves {
		if hashes[n] != tlog.RecordHash(leaf) {
			refuse("tile: another hash for entry %d", n)
		}
	}
	for n := int64(0); n < tree.N; n += 256 {
		checkBundle(folder, tree.N, n, leaves)
	}

	for n := range leaves {
		name := filepath.Join("proof", strconv.Itoa(n))
		index, path, proven := readProof(read(folder, name))
		held(name, tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(leaves[n])))
		if index != int64(n) || !bytes.Equal(proven, text) {
			refuse("%s is about another entry or checkpoint", name)
		}
		fromTiles, err := tlog.ProveRecord(tree.N, index, tiles)
		held(name, err)
		same(name, path, fromTiles)
		inclusions++
	}

	for n := int64(1); n < tree.N; n++ {
		name := strconv.FormatInt(n, 10)
		older := open(read(folder, "earlier/"+name), key)
		if older.N != n {
			refuse("earlier/%s is of another size", name)
		}
		notes++
		path := parseHashes(read(folder, "consistency/"+name))
		held("consistency/"+name, tlog.CheckTree(path, tree.N, tree.Hash, n, older.Hash))
		fromTiles, err := tlog.ProveTree(tree.N, n, tiles)
		held("consistency/"+name, err)
		same("consistency/"+name, path, fromTiles)
		consistencies++
	}
	fmt.Println(notes, inclusions, consistencies)
}

// open gives the tree of a checkpoint that is signed by the key. (tlog.ParseTree reads one fixed origin alone.)
func open(text []byte, key string) tlog.Tree {
	verifier, err := note.NewVerifier(key)
	held("key", err)
	opened, err := note.Open(text, note.VerifierList(verifier))
	held("checkpoint", err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		refuse("checkpoint: not the three lines of this ledger")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	held("checkpoint", err)
	root, err := tlog.ParseHash(lines[2])
	held("checkpoint", err)
	return tlog.Tree{N: size, Hash: root}
}

func sign() {
	private, public, err := note.GenerateKey(rand.Reader, "go.example/log")
	fault(err)
	signer, err := note.NewSigner(private)
	fault(err)
	other, _, err := note.GenerateKey(rand.Reader, "witness.example/go")
	fault(err)
	witness, err := note.NewSigner(other)
	fault(err)
	text := fmt.Sprintf("go.example/log\n20852163\n%s\n", tlog.RecordHash([]byte("root")))
	signed, err := note.Sign(&note.Note{Text: text}, witness, signer)
	fault(err)
	fmt.Printf("%s\n%s", public, signed)
}

// checkBundle holds tile/entries to the lines: each entry after its length in two bytes.
func checkBundle(folder string, size, start int64, leaves [][]byte) {
	width := 256
	if size-start < 256 {
		width = int(size - start)
	}
	path := tlog.Tile{H: 8, L: -1, N: start / 256, W: width}.Path()
	rest := read(folder, strings.Replace(path, "tile/8/data/", "tile/entries/", 1))
	for n := start; n < start+int64(width); n++ {
		if len(rest) < 2 || len(rest) < 2+int(rest[0])<<8+int(rest[1]) {
			refuse("bundle: ends before entry %d", n)
		}
		end := 2 + int(rest[0])<<8 + int(rest[1])
		if tlog.RecordHash(rest[2:end]) != tlog.RecordHash(leaves[n]) {
			refuse("bundle: another entry %d", n)
		}
		rest = rest[end:]
	}
	if len(rest) != 0 {
		refuse("bundle: more than its entries")
	}
}

// readProof reads a C2SP tlog-proof: index, path, and the checkpoint after the blank line.
func readProof(text []byte) (int64, []tlog.Hash, []byte) {
	parts := bytes.SplitN(text, []byte("\n\n"), 2)
	lines := strings.SplitN(string(parts[0]), "\n", 3)
	if len(parts) != 2 || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		refuse("no tlog-proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	held("tlog-proof", err)
	if len(lines) == 2 {
		return index, nil, parts[1]
	}
	return index, parseHashes([]byte(lines[2] + "\n")), parts[1]
}

func parseHashes(text []byte) []tlog.Hash {
	var hashes []tlog.Hash
	for _, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		if line == "" {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(line)
		held("hash", err)
		if len(data) != tlog.HashSize {
			refuse("hash: of another length")
		}
		var hash tlog.Hash
		copy(hash[:], data)
		hashes = append(hashes, hash)
	}
	return hashes
}

func same(name string, ours, theirs []tlog.Hash) {
	if len(ours) != len(theirs) {
		refuse("%s: a path of another length than from the tiles", name)
	}
	for i := range ours {
		if ours[i] != theirs[i] {
			refuse("%s: another path than from the tiles", name)
		}
	}
}

func read(folder, name string) []byte {
	data, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(name)))
	fault(err)
	return data
}

// stored is the storage of hashes that tlog builds from the entries.
type stored struct{ hashes []tlog.Hash }

func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s.hashes[index]
	}
	return found, nil
}

// served reads the tiles of a folder. Go's paths name the height, which C2SP leaves out.
type served struct{ folder string }

func (served) Height() int { return 8 }

func (s served) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		data[i] = read(s.folder, strings.Replace(tile.Path(), "tile/8/", "tile/", 1))
	}
	return data, nil
}

func (served) SaveTiles([]tlog.Tile, [][]byte) {}
