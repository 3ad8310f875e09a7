// Package envelope reads what tghook needs to know of an update's body, in one
// pass that also proves the body to be one well-formed JSON object.
//
// Well-formed is what encoding/json takes for it: the grammar of RFC 8259, with
// invalid UTF-8 and lone surrogates let through in strings. Duplicate keys are
// let through as well; the last one counts.
package envelope

import "errors"

// Envelope is what one pass over an update's body finds.
type Envelope struct {
	ID             int64
	Kind           string // of a known kind always the same string, so that it costs nothing
	ChatID, UserID int64  // 0 where the kind has none
	Date           int64  // Unix time; 0 where the kind has none
	ThreadID       int64  // likewise
	PollID         []byte // as it stands between its quotes in the body; nil where the kind has none
}

// ErrNoKind reports a well-formed update of which no member can be its kind.
var ErrNoKind = errors.New("no member is a kind of update")

// Scan reads the body of an update. It fails with a *SyntaxError if that is not
// one well-formed JSON object with an integer update_id, and with ErrNoKind,
// beside the id, if no other member is an object.
//
// Of several such members the first of a known kind counts, else the first whose
// name is not empty. A chat, user, date or thread that is missing or no integer of
// 64 bits is 0. The Envelope's PollID aliases data.
func Scan(data []byte) (Envelope, error) {
	s := scan{text: data}
	if err := s.body(); err != nil {
		return Envelope{}, err
	}
	id, err := s.updateID()
	if err != nil {
		return Envelope{}, err
	}
	if k, at := s.known(); k != nil {
		if at != s.walked {
			s.found = s.values(at, &k.paths)
		}
		return s.found.envelope(id, k.name), nil
	}
	if name, object := stranger(data); object != nil {
		found := text(object).values(0, &strangerPaths)
		return found.envelope(id, name), nil
	}
	return Envelope{ID: id}, ErrNoKind
}
