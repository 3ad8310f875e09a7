package world

import (
	"encoding/base64"
	"net/url"
	"path"
	"strings"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// input is the file that a parameter, or a field of one, refers to: one that was uploaded, a file_id, or
// a URL, which is not fetched, so that the file is empty. nil: there is none.
func (w *World) input(kind, value string, uploaded botapi.File, isUploaded bool) (*File, error) {
	switch {
	case isUploaded && len(uploaded.Content) == 0:
		return nil, refusal("File must be non-empty")
	case isUploaded && kind == "photo" && len(uploaded.Content) > 10<<20:
		return nil, refusef("File of size %d bytes is too big for a photo; the maximum size is 10485760 bytes", len(uploaded.Content))
	case isUploaded:
		return w.upload(kind, uploaded.Name, uploaded.ContentType, uploaded.Content), nil
	case value == "" || strings.HasPrefix(value, "attach://"):
		return nil, nil
	case strings.Contains(value, "."):
		u, err := url.Parse(value)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, refusal("Wrong HTTP URL specified")
		}
		return w.upload(kind, path.Base(u.Path), "", nil), nil
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

// wrongID says why a file_id is none.
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
