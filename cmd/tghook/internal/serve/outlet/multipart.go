package outlet

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"regexp"
	"strings"

	"github.com/tghook/tghook"
)

// maxFiles is how many files a call may have.
const maxFiles = 50

// attached begins a reference to a file in another part.
const attached = "attach://"

// form is a body with files.
type form struct {
	texts []text
	files map[string]tghook.File // by the names of their parts
	bytes int                    // of texts and names
}

type text struct{ name, value string }

// readMultipart reads a body with files. It puts each file in the place where a text refers to it
// by attach://, or where its part has the name of a parameter.
func (c *call) readMultipart(contentType string, body []byte) error {
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] == "" {
		return errors.New("the Content-Type of the answer has no boundary")
	}
	f := form{files: map[string]tghook.File{}}
	parts := multipart.NewReader(bytes.NewReader(body), params["boundary"])
	for n := 0; ; n++ {
		part, err := parts.NextRawPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("the answer is not well-formed multipart/form-data: %w", err)
		}
		if n == maxMembers {
			return fmt.Errorf("the answer has more than %d parts", maxMembers)
		}
		if err := c.readPart(&f, part); err != nil {
			return err
		}
	}
	return c.place(&f)
}

func (c *call) readPart(f *form, part *multipart.Part) error {
	_, about, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	name := percentDecoded(about["name"])
	if err != nil || name == "" {
		return errors.New("a part of the answer has no name")
	}
	content, err := io.ReadAll(part)
	if err != nil {
		return fmt.Errorf("the answer is not well-formed multipart/form-data: %w", err)
	}
	if filename, ok := about["filename"]; ok {
		return c.addFile(f, name, tghook.File{Name: percentDecoded(filename), Body: bytes.NewReader(content)}, len(content))
	}
	if f.bytes += len(name) + len(content); f.bytes > maxParams {
		return fmt.Errorf("the parameters of the answer have more than %d bytes", maxParams)
	}
	if name == "method" && c.method == "" {
		c.method = string(content)
	}
	f.texts = append(f.texts, text{name, string(content)})
	return nil
}

func (c *call) addFile(f *form, name string, file tghook.File, size int) error {
	if _, ok := f.files[name]; ok {
		return nil
	}
	if c.fileBytes += int64(size); c.fileBytes > maxFileBytes {
		return fmt.Errorf("the files of the answer have more than %d bytes", maxFileBytes)
	}
	if len(f.files) == maxFiles {
		return fmt.Errorf("the answer has more than %d files", maxFiles)
	}
	f.files[name] = file
	return nil
}

// place sets the parameters.
func (c *call) place(f *form) error {
	placed := map[string]bool{}
	for _, t := range f.texts {
		var value any = t.value
		if strings.Contains(t.value, attached) {
			value = f.resolve(t.value, placed)
		}
		if err := c.set(t.name, value); err != nil {
			return err
		}
	}
	for name, file := range f.files {
		if placed[name] {
			continue
		}
		if err := c.set(name, file); err != nil {
			return err
		}
	}
	return nil
}

// resolve returns a text with files in the places where it refers to them. It notes which it has
// placed.
func (f *form) resolve(text string, placed map[string]bool) any {
	if file, ok := f.file(text, placed); ok {
		return file
	}
	var value any
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if d.Decode(&value) != nil || d.More() {
		return text
	}
	return f.resolveIn(value, placed)
}

func (f *form) resolveIn(value any, placed map[string]bool) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			v[name] = f.resolveIn(member, placed)
		}
	case []any:
		for i, item := range v {
			v[i] = f.resolveIn(item, placed)
		}
	case string:
		if file, ok := f.file(v, placed); ok {
			return file
		}
	}
	return value
}

// file returns the file that a text refers to.
func (f *form) file(text string, placed map[string]bool) (tghook.File, bool) {
	name, ok := strings.CutPrefix(text, attached)
	if !ok {
		return tghook.File{}, false
	}
	file, ok := f.files[name]
	if ok {
		placed[name] = true
	}
	return file, ok
}

var percent = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// percentDecoded decodes a name as Telegram does. A percent sign without two hexadecimal digits
// behind it stays.
func percentDecoded(name string) string {
	return percent.ReplaceAllStringFunc(name, func(code string) string {
		char, _ := hex.DecodeString(code[1:]) // percent has seen to the digits
		return string(char)
	})
}
