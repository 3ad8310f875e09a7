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

// File is a file to upload. It stands in the parameters of a call.
type File struct {
	Name string
	Body io.Reader
}

// The limits for the files of one call: their number, their bytes together, and their bytes
// together for a local Bot API server (https://core.telegram.org/bots/api#sending-files).
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

// attachPrefix begins every reference to a File. It cannot be guessed, so that a text of a
// user cannot look like a reference.
var attachPrefix = "attach://tghook" + rand.Text()

var referenceSeed = maphash.MakeSeed()

// reference returns the text that stands for f in JSON. It is the same for equal files, so
// that the JSON encoder and the walk over Params get the same text without sharing state.
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

// partName returns the name of the part that ref refers to.
func partName(ref string) string { return strings.TrimPrefix(ref, "attach://") }

// zeroReference stands for a zero File. withoutZero removes it if the field says omitempty,
// because encoding/json does not leave out a struct.
var zeroReference = attachPrefix + "-none"

// withoutZero returns params without the members that are a zero File. many is how many of
// them omitempty leaves out. If there is another zero File, that is an error.
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

// ReadError says that a File could not be read. The next attempt may succeed.
type ReadError struct {
	name string
	err  error
}

func (e *ReadError) Error() string { return fmt.Sprintf("tghook: read file %q: %v", e.name, e.err) }
func (e *ReadError) Unwrap() error { return e.err }
