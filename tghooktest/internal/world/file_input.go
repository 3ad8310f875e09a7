package world

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// input returns the file that a parameter, or a field of one, refers to: an uploaded one, a
// file_id, or a URL; nil if there is none. A URL is not fetched: its file is made up.
func (w *World) input(kind, value string, uploaded botapi.File, isUploaded bool) (*File, error) {
	switch {
	case isUploaded:
		return w.uploaded(kind, uploaded)
	case value == "" || strings.HasPrefix(value, "attach://"):
		return nil, nil
	case strings.Contains(value, "."):
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, refusal("Wrong HTTP URL specified")
		}
		return w.fetch(kind, path.Base(u.Path)), nil
	}
	f := w.files[value]
	switch {
	case f == nil:
		return nil, wrongID(value)
	case (f.Kind == "photo") != (kind == "photo") || f.Kind == "thumbnail":
		return nil, refusef("Can't use file of type %s as %s", kinds[f.Kind].name, kinds[kind].name)
	}
	return f, nil
}

// uploaded makes a file of one that came with the call.
func (w *World) uploaded(kind string, f botapi.File) (*File, error) {
	switch n := len(f.Content); {
	case n == 0:
		return nil, refusal("File must be non-empty")
	case kind == "photo" && n > 10<<20:
		return nil, refusef("File of size %d bytes is too big for a photo; the maximum size is 10485760 bytes", n)
	case kind == "photo" && !strings.HasPrefix(http.DetectContentType(f.Content), "image/"):
		return nil, refusal("IMAGE_PROCESS_FAILED")
	}
	return w.upload(kind, f.Name, f.ContentType, f.Content), nil
}

// wrongID returns the error for a file_id that does not exist.
func wrongID(id string) error {
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(id, "="))
	switch {
	case strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=") != "":
		return refusal("Wrong remote file identifier specified: Wrong character in the string")
	case err != nil:
		return refusal("Wrong remote file identifier specified: Wrong string length")
	case len(content) == 0 || content[len(content)-1] != idVersion:
		return refusal("Wrong remote file identifier specified: can't unserialize it. Wrong last symbol")
	}
	return refusal("Wrong file identifier/HTTP URL specified")
}
