package tghook

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"mime/multipart"
	"slices"
	"strings"
	"unicode"
)

// File in the Params of a [Reply], or of a call by a [Client], is uploaded with it.
// A zero File is left out where its field says omitempty or omitzero, else it is an
// error.
//
// Body is not closed. That of a Reply is read when the handler has returned. It is
// read from where it stands, to its end. If it is an [io.Seeker] that can seek it
// is set back then, so that the File can be used again: by a call that is repeated,
// or a handler that runs again. One that stands at its end is read from its start.
// A Body that cannot seek serves once: a second use is an error. Two calls must not
// use the same Body at once.
//
// The files of one call may be 50 in number. Together they may have 50 MB, and 2000
// MB in a call with [ClientConfig].Local
// (https://core.telegram.org/bots/api#sending-files). A Client streams them. Those
// of a Reply are read into memory, and may have 50 MB.
type File struct {
	// Name is the file's name, as the chat shows it. Default: one of no meaning.
	Name string
	// Body is what the file has in it.
	Body io.Reader
}

const (
	maxFiles          = 50
	maxFileBytes      = 50 << 20
	maxLocalFileBytes = 2000 << 20
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
			err = fmt.Errorf("File.Body, a %T, is not comparable: give a pointer to it", f.Body)
		}
	}()
	return fmt.Sprintf("%s%016x", attachPrefix, maphash.Comparable(referenceSeed, f)), nil
}

// partName is the name of the part that ref refers to.
func partName(ref string) string { return strings.TrimPrefix(ref, "attach://") }

// readError is a failure to read a File: the next attempt may fare better.
type readError struct {
	name string
	err  error
}

func (e *readError) Error() string { return fmt.Sprintf("tghook: read file %q: %v", e.name, e.err) }
func (e *readError) Unwrap() error { return e.err }

// encodeMultipart makes a part of each member of params and of each file in it:
// under the member's own name where the file is all of it, else under the name
// that it is referred to by.
func encodeMultipart(method string, params []byte, files map[string]File) (*message, error) {
	if err := resolve(params, files); err != nil {
		return nil, err
	}
	e := newMultipartEncoder()
	e.field("method", method)
	err := fields(params, func(key, value []byte) error {
		text := string(value)
		if value[0] == '"' {
			if err := json.Unmarshal(value, &text); err != nil {
				return err
			}
		}
		file, whole := files[text]
		if !whole || bytes.Count(params, []byte(text)) > 1 {
			e.field(string(key), text)
			return nil
		}
		delete(files, text)
		e.file(string(key), file)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, ref := range slices.Sorted(maps.Keys(files)) {
		e.file(partName(ref), files[ref])
	}
	return e.message()
}

// resolve makes files those that params refer to.
func resolve(params []byte, files map[string]File) error {
	used := map[string]bool{}
	for rest := params; ; {
		at := bytes.Index(rest, []byte(attachPrefix))
		if at < 0 {
			break
		}
		rest = rest[at:]
		end := bytes.IndexByte(rest, '"')
		ref := string(rest[:max(end, 0)])
		if _, ok := files[ref]; !ok {
			return errors.New("a File is out of reach in Params: keep it in an exported field, a map or a slice")
		}
		used[ref] = true
		rest = rest[end:]
	}
	maps.DeleteFunc(files, func(ref string, _ File) bool { return !used[ref] })
	if len(files) > maxFiles {
		return fmt.Errorf("%d files are more than the %d that Telegram takes", len(files), maxFiles)
	}
	return nil
}

// multipartEncoder writes all of a multipart message that is not of a file.
type multipartEncoder struct {
	body  bytes.Buffer
	parts *multipart.Writer
	bytes int   // of fields
	cuts  []int // where a file goes
	files []*attachment
}

func newMultipartEncoder() *multipartEncoder {
	e := &multipartEncoder{}
	e.parts = multipart.NewWriter(&e.body)
	return e
}

// A bytes.Buffer refuses nothing, so that the errors of e.parts are nil.

func (e *multipartEncoder) field(name, text string) {
	e.bytes += len(name) + len(text)
	_ = e.parts.WriteField(headerSafe(name), text)
}

func (e *multipartEncoder) file(part string, f File) {
	name := f.Name
	if name == "" {
		name = part // without a file name Telegram takes the part for text
	}
	_, _ = e.parts.CreateFormFile(headerSafe(part), headerSafe(name))
	e.cuts = append(e.cuts, e.body.Len())
	e.files = append(e.files, attach(f))
}

// headerSafe makes a name, which may be a stranger's, fit for a part's header.
func headerSafe(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
}

func (e *multipartEncoder) message() (*message, error) {
	if e.bytes > maxReply {
		return nil, fmt.Errorf("%d bytes of fields are more than the %d that Telegram takes", e.bytes, maxReply)
	}
	_ = e.parts.Close()
	m := &message{contentType: contentTypeMultipart + "; boundary=" + e.parts.Boundary(), files: e.files}
	all, from := e.body.Bytes(), 0
	for _, cut := range append(e.cuts, len(all)) {
		m.text = append(m.text, all[from:cut])
		from = cut
	}
	return m, nil
}

// boundary is that of a multipart payload, which begins with it.
func (p payload) boundary() string {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	return string(bytes.TrimPrefix(line, []byte("--")))
}

// decodeMultipart returns p as a Reply again. The parts that are referred to lose
// attachPrefix, by which they would be taken for files that are to be collected.
func decodeMultipart(p payload) (Reply, error) {
	rename := strings.NewReplacer(attachPrefix, "attach://file", partName(attachPrefix), "file").Replace
	params := map[string]any{}
	reply := Reply{Params: params}
	parts := multipart.NewReader(bytes.NewReader(p), p.boundary())
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return reply, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return NoReply, fmt.Errorf("tghook: not a stored reply: %w", err)
		}
		switch name := rename(part.FormName()); {
		case name == "method":
			reply.Method = string(content)
		case part.FileName() != "":
			params[name] = File{part.FileName(), bytes.NewReader(content)}
		default:
			params[name] = rename(string(content))
		}
	}
}
