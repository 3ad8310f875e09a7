// Package graph keeps values that refer to each other as records: a root, and all that can
// be reached from it by pointers, maps and slices. It makes a copy of them from the records,
// in which the same values refer to each other.
//
// There is a record for each value that a pointer or a map refers to, and for each long
// []byte. So few records change when few values do. A record has the form of CBOR (RFC 8949):
// a struct is a map from the names of its fields, and a reference is the number of a record.
// A long record is cut into pieces.
//
// Fields that a record lacks keep their zero value, and fields that the type lacks are
// skipped. So records of an older or newer version can be read.
package graph

import (
	"fmt"
	"hash/maphash"
	"iter"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// Graph is a root and all that can be reached from it. It knows which records were written.
//
// Pointers to parts of other values, and slices that share elements, lead to copies of their
// own. Elements of a []byte must not change.
type Graph struct {
	root   reflect.Value // a struct
	types  types
	seed   maphash.Seed
	ids    map[place]uint64
	last   uint64            // newest id
	kept   map[uint64]record // by id
	pieces map[pieceID]bool  // of all in kept
}

// place identifies a value with a record of its own.
type place struct {
	at  unsafe.Pointer
	typ reflect.Type // of the pointer, map or slice that refers to it
	len int          // of a []byte
}

// record says what was written for a value.
type record struct {
	sum    uint64    // of the encoded value; 0 for a []byte, which does not change
	pieces []pieceID // nil if it is in one piece
}

const rootID = 1

// New returns the graph of root, a pointer to a struct. Nothing is written yet. A type that
// cannot be kept, such as a function, is an error.
func New(root any) (*Graph, error) {
	g := &Graph{root: reflect.ValueOf(root).Elem(), seed: maphash.MakeSeed(), ids: map[place]uint64{}, last: rootID, kept: map[uint64]record{}}
	g.types = types{}
	if err := g.types.add(g.root.Type(), g.root.Type().Name()); err != nil {
		return nil, err
	}
	g.ids[place{g.root.Addr().UnsafePointer(), g.root.Addr().Type(), 0}] = rootID
	return g, nil
}

// Changes are the records that must be written and deleted, so that the records are those of
// the Graph as it was.
type Changes struct {
	Records map[string][]byte // by key; nil for a record that must be deleted

	graph  *Graph
	kept   map[uint64]record
	pieces map[pieceID]bool
}

// Kept tells the Graph that the Changes were written. Without it, the next Changes has them
// again.
func (c *Changes) Kept() { c.graph.kept, c.graph.pieces = c.kept, c.pieces }

// Changes returns what has changed since the last Changes that was kept. The values must not
// be used meanwhile. The records must not be changed.
func (g *Graph) Changes() (*Changes, error) {
	c := &Changes{Records: map[string][]byte{}, graph: g, kept: make(map[uint64]record, len(g.kept))}
	w := writer{graph: g, reached: make(map[place]uint64, len(g.ids))}
	w.reach(place{g.root.Addr().UnsafePointer(), g.root.Addr().Type(), 0}, g.root)
	for len(w.queue) > 0 {
		next := w.queue[len(w.queue)-1]
		w.queue = w.queue[:len(w.queue)-1]
		if err := c.write(&w, next); err != nil {
			return nil, err
		}
	}
	g.ids = w.reached
	c.deleteOld()
	return c, nil
}

// write adds the record of a value, if it has changed.
func (c *Changes) write(w *writer, v reached) error {
	old, known := c.graph.kept[v.id]
	if isBytes(v.value.Type()) {
		if c.kept[v.id] = old; !known {
			c.Records[recordKey(v.id)] = v.value.Bytes()
		}
		return nil
	}
	w.out = w.out[:0]
	if err := w.record(v.value, v.id == rootID); err != nil {
		return err
	}
	now := record{sum: maphash.Bytes(c.graph.seed, w.out)}
	if known && old.sum == now.sum {
		c.kept[v.id] = old
		return nil
	}
	if len(w.out) <= maxWhole {
		c.Records[recordKey(v.id)] = append([]byte{whole}, w.out...)
	} else {
		list := []byte{inPieces}
		for piece := range pieces(w.out) {
			id := pieceOf(piece)
			now.pieces = append(now.pieces, id)
			list = append(list, id[:]...)
			if !c.graph.pieces[id] {
				c.Records[id.key()] = slices.Clone(piece)
			}
		}
		c.Records[recordKey(v.id)] = list
	}
	c.kept[v.id] = now
	return nil
}

// deleteOld deletes the records and pieces that are no longer needed.
func (c *Changes) deleteOld() {
	c.pieces = piecesOf(c.kept)
	for id := range c.graph.kept {
		if _, still := c.kept[id]; !still {
			c.Records[recordKey(id)] = nil
		}
	}
	for id := range c.graph.pieces {
		if !c.pieces[id] {
			c.Records[id.key()] = nil
		}
	}
}

// piecesOf returns the pieces of all records.
func piecesOf(all map[uint64]record) map[pieceID]bool {
	pieces := map[pieceID]bool{}
	for _, r := range all {
		for _, id := range r.pieces {
			pieces[id] = true
		}
	}
	return pieces
}

// Keys yields the keys of all records that were written.
func (g *Graph) Keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for id := range g.kept {
			if !yield(recordKey(id)) {
				return
			}
		}
		for id := range g.pieces {
			if !yield(id.key()) {
				return
			}
		}
	}
}

// recordKey returns the key of a record. Keys are in the order of the ids.
func recordKey(id uint64) string { return fmt.Sprintf("%012x", id) }

// idOf returns the id in the key of a record; 0 for the key of a piece.
func idOf(key string) uint64 {
	id, err := strconv.ParseUint(key, 16, 64)
	if err != nil {
		return 0
	}
	return id
}
