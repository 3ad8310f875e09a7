package botapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"
)

// The functions in this file make the body of a call from a request of another library.

// Form returns the JSON of a form. Telegram reads the same parameters from it.
func Form(method string, form []byte) ([]byte, error) {
	values, err := url.ParseQuery(string(form))
	if err != nil {
		return nil, err
	}
	params := make(map[string]string, len(values))
	for key, all := range values {
		if !utf8.ValidString(key) || !utf8.ValidString(all[0]) {
			return nil, errors.New("no UTF-8")
		}
		params[key] = all[0] // Telegram takes the first of equal keys
	}
	encoded, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	return JSON(method, encoded)
}

// MethodPart returns the part of a multipart body that names its method.
func MethodPart(method, boundary string) string {
	return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"method\"\r\n\r\n" + method + "\r\n"
}

// Multipart returns body if Telegram would accept it, and an error if not. body begins with
// start.
func Multipart(body []byte, start, boundary string) ([]byte, error) {
	if ContentType(body) != mime.FormatMediaType(TypeMultipart, map[string]string{"boundary": boundary}) {
		return nil, errors.New("the boundary needs quotes")
	}
	if !bytes.HasPrefix(body[len(start):], []byte("--"+boundary+"\r\n")) {
		return nil, errors.New("there is something before the first part")
	}
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	text, files, methods := int64(0), 0, 0
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		n, err := io.Copy(io.Discard, part)
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" {
			files++
		} else {
			text += int64(len(part.FormName())) + n
		}
		if strings.EqualFold(decodeName(part.FormName()), "method") {
			methods++
		}
	}
	if text > MaxParams || files > MaxFiles || methods > 1 {
		return nil, errors.New("it has more than Telegram takes")
	}
	return body, nil
}
