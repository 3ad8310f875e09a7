package botapi

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"strings"
)

// File is uploaded with the call in whose parameters it is.
type File struct {
	Name string
	Body io.Reader
}

// How many files one call may have, and how many bytes together
// (https://core.telegram.org/bots/api#sending-files).
const (
	MaxFiles          = 50
	MaxFileBytes      = 50 << 20
	MaxLocalFileBytes = 2000 << 20
)

// MarshalJSON returns the reference by which Telegram finds the file among the
// parts of a multipart request.
func (f File) MarshalJSON() ([]byte, error) {
	if f == (File{}) {
		return []byte(`"` + zeroReference + `"`), nil
	}
	ref, err := f.reference()
	if err != nil {
		return nil, err
	}
	return []byte(`"` + ref + `"`), nil
}

// attachPrefix begins every reference to a File. It cannot be guessed, so that
// no text of a user is taken for one.
var attachPrefix = "attach://tghook" + rand.Text()

var referenceSeed = maphash.MakeSeed()

// reference is the same for equal files, so that the JSON encoder and the walk
// over Params agree on it without sharing state.
func (f File) reference() (ref string, err error) {
	if f.Body == nil {
		return "", errors.New("File.Body is nil")
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("File.Body, a %T, is not comparable; give a pointer to it", f.Body)
		}
	}()
	return fmt.Sprintf("%s%016x", attachPrefix, maphash.Comparable(referenceSeed, f)), nil
}

// partName is the name of the part that ref refers to.
func partName(ref string) string { return strings.TrimPrefix(ref, "attach://") }

// zeroReference stands for a File that omitempty is to leave out, which
// encoding/json does not do with a struct.
var zeroReference = attachPrefix + "-none"

// withoutZero is params without the members that are a zero File, of which there
// are to be so many.
func withoutZero(params []byte, many int) ([]byte, error) {
	marker := []byte(`:"` + zeroReference + `"`)
	if bytes.Count(params, []byte(zeroReference)) != many {
		return nil, errors.New("a File in Params has no Body")
	}
	for {
		at := bytes.Index(params, marker)
		if at < 0 {
			return params, nil
		}
		from := bytes.LastIndexByte(params[:at-1], '"') // where the key, a field's, begins
		to := at + len(marker)
		if params[to] == ',' {
			to++
		} else if params[from-1] == ',' {
			from--
		}
		params = append(params[:from:from], params[to:]...)
	}
}

// ReadError is a failure to read a File: the next attempt may fare better.
type ReadError struct {
	name string
	err  error
}

func (e *ReadError) Error() string { return fmt.Sprintf("tghook: read file %q: %v", e.name, e.err) }
func (e *ReadError) Unwrap() error { return e.err }
