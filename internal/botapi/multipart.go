package botapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"slices"
	"strings"
	"unicode"
)

// encodeMultipart makes a part of each member of params, and of each file in it. If the whole
// member is a file, the part has the name of the member. Otherwise the part of a file has the
// name in its reference.
func encodeMultipart(method string, params []byte, files map[string]File) (*Message, error) {
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

// resolve removes the files that params do not refer to.
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
			return errors.New("a File in Params cannot be found; keep it in an exported field, a map or a slice")
		}
		used[ref] = true
		rest = rest[end:]
	}
	maps.DeleteFunc(files, func(ref string, _ File) bool { return !used[ref] })
	if len(files) > MaxFiles {
		return fmt.Errorf("%d files are more than the %d that Telegram takes", len(files), MaxFiles)
	}
	return nil
}

// multipartEncoder writes a multipart message without the content of its files.
type multipartEncoder struct {
	body  bytes.Buffer
	parts *multipart.Writer
	bytes int   // how many bytes the fields have
	cuts  []int // the offset in body of each file
	files []*attachment
}

func newMultipartEncoder() *multipartEncoder {
	e := &multipartEncoder{}
	e.parts = multipart.NewWriter(&e.body)
	return e
}

// A bytes.Buffer never returns an error, so the errors of e.parts are nil.

func (e *multipartEncoder) field(name, text string) {
	e.bytes += len(name) + len(text)
	_ = e.parts.WriteField(encodeName(name), text)
}

func (e *multipartEncoder) file(part string, f File) {
	name := f.Name
	if name == "" {
		name = part // without a file name Telegram takes the part for text
	}
	_, _ = e.parts.CreateFormFile(encodeName(part), encodeName(name))
	e.cuts = append(e.cuts, e.body.Len())
	e.files = append(e.files, attach(f))
}

// encodeName returns a name as it stands in the header of a part. Telegram decodes percent
// signs there (tdlib/td, HttpReader). A control character would end the header, so it becomes
// an underscore. The name may come from a user of the bot.
func encodeName(name string) string {
	return strings.ReplaceAll(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name), "%", "%25")
}

// decodeName undoes encodeName. In a part that another library wrote, it reads a name as
// Telegram does, which keeps a percent sign without two hexadecimal digits behind it.
func decodeName(name string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(name, "%")
		_, _ = b.WriteString(before)
		if !found {
			return b.String()
		}
		if len(after) >= 2 {
			if char, err := hex.DecodeString(after[:2]); err == nil {
				_, _ = b.Write(char)
				name = after[2:]
				continue
			}
		}
		_ = b.WriteByte('%')
		name = after
	}
}

func (e *multipartEncoder) message() (*Message, error) {
	if e.bytes > MaxParams {
		return nil, fmt.Errorf("%d bytes of fields are more than the %d that Telegram takes", e.bytes, MaxParams)
	}
	_ = e.parts.Close()
	m := &Message{ContentType: TypeMultipart + "; boundary=" + e.parts.Boundary(), files: e.files}
	all, from := e.body.Bytes(), 0
	for _, cut := range append(e.cuts, len(all)) {
		m.text = append(m.text, all[from:cut])
		from = cut
	}
	return m, nil
}

// boundary returns the boundary of a multipart payload, with which it begins.
func boundary(p []byte) string {
	line, _, _ := bytes.Cut(p, []byte("\r\n"))
	return string(bytes.TrimPrefix(line, []byte("--")))
}

// decodeMultipart returns the call that p was made of. It replaces attachPrefix in the names
// of parts and in the references to them. Otherwise the next encoding would take these
// references for its own.
func decodeMultipart(p []byte, file func(File) any) (method string, _ any, err error) {
	rename := strings.NewReplacer(attachPrefix, "attach://file", partName(attachPrefix), "file").Replace
	params := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(p), boundary(p))
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return method, params, nil
		}
		var content []byte
		if err == nil {
			content, err = io.ReadAll(part)
		}
		if err != nil {
			return "", nil, fmt.Errorf("tghook: not a stored reply: %w", err)
		}
		switch name := rename(decodeName(part.FormName())); {
		case name == "method":
			method = string(content)
		case part.FileName() != "":
			params[name] = file(File{decodeName(part.FileName()), bytes.NewReader(content)})
		default:
			params[name] = rename(string(content))
		}
	}
}
