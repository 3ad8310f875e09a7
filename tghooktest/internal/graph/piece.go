package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"iter"
)

// The first byte of a record: the value follows, or the keys of its pieces do.
const (
	whole    = 'w'
	inPieces = 'p'
)

// Bounds of the sizes of records and pieces. Pieces have about usualPiece bytes.
const (
	maxWhole   = 8 << 10
	minPiece   = 512
	usualPiece = 2 << 10 // a power of two
	maxPiece   = 4 << 10
)

// pieces cuts data where its content says so. So a change in the data changes the pieces
// around it alone, also if bytes are inserted there.
func pieces(data []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := cut(data)
			if !yield(data[:n]) {
				return
			}
			data = data[n:]
		}
	}
}

// cut returns the length of the first piece.
func cut(data []byte) int {
	end := min(len(data), maxPiece)
	var sum uint64 // of the last 64 bytes
	for i := range end {
		sum = sum<<1 + spread[data[i]]
		if i >= minPiece && sum>>32%usualPiece == 0 {
			return i + 1
		}
	}
	return end
}

// spread has a number for each byte that looks random. The numbers must stay the same, so
// that a newer version cuts in the same places.
var spread = func() (all [256]uint64) {
	x := uint64(1)
	for i := range all {
		x = x*0x5851f42d4c957f2d + 0x14057b7ef767814f
		all[i] = x ^ x>>29
	}
	return all
}()

// pieceID identifies a piece by its content.
type pieceID [16]byte

func pieceOf(piece []byte) pieceID {
	sum := sha256.Sum256(piece)
	return pieceID(sum[:])
}

func (id pieceID) key() string { return "p" + hex.EncodeToString(id[:]) }
