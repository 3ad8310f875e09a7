// Package envelope reads the few values of an update that tghook needs: its id, kind,
// chat, user, date, thread and album. One pass over the body finds them, and checks that the body
// is one well-formed JSON object.
//
// Well-formed means the same as for encoding/json: the grammar of RFC 8259, and also
// strings with invalid UTF-8 or lone surrogates. Duplicate keys are allowed, and the last
// one applies.
package envelope

import "errors"

// Envelope has the values of one update.
type Envelope struct {
	ID             int64
	Kind           string // always the same string for a known kind, so that it costs no allocation
	ChatID, UserID int64  // 0 if the kind has none
	Date           int64  // Unix time; 0 if the kind has none
	ThreadID       int64  // 0 if the kind has none
	PollID         []byte // the bytes between its quotes in the body, not decoded; nil if the kind has none
	AlbumID        []byte // media_group_id of a message or post that is not an edit, in the same form
}

// ErrNoKind reports a well-formed update without a member that can be its kind.
var ErrNoKind = errors.New("no member is a kind of update")

// Scan reads the body of an update.
//
// The kind is the name of the member whose value is an object. If several members are
// objects, it is the first known kind, or else the first name that is not empty. A chat, user,
// date or thread is 0 if it is missing or not an integer of 64 bits. PollID and AlbumID alias data.
//
// The error is a *SyntaxError if data is not one well-formed JSON object with an integer
// update_id. It is ErrNoKind, and the Envelope has the id, if no other member is an object.
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
