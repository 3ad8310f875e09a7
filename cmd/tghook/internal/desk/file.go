package desk

import (
	"bytes"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/tghook/tghook/tghooktest"
)

// content is the content of a file, as the API serves it.
//
// A file may be an HTML page with a script in it, and a browser may show it at the address of
// the control API. So it is a download that nothing guesses the type of, in a sandbox without
// an origin. Only pictures, sound and video are shown in place.
type content struct {
	file   tghooktest.File
	inline bool
}

// file answers GET /api/bots/{bot}/files/{file}.
func (d *Desk) file(r *http.Request) (any, error) {
	b, err := d.botOf(r)
	if err != nil {
		return nil, err
	}
	f, err := b.server.File(r.PathValue("file"))
	if err != nil {
		return nil, failure(err)
	}
	return content{f, r.URL.Query().Get("inline") != ""}, nil
}

func (c content) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, _, err := mime.ParseMediaType(c.file.ContentType)
	if err != nil || kind == "" || kind == "application/octet-stream" {
		kind, _, _ = mime.ParseMediaType(http.DetectContentType(c.file.Content)) // it always returns one
	}
	disposition := "attachment"
	if c.inline && showable(kind) {
		disposition = "inline"
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "private, max-age=3600") // a file_id always means the same content
	h.Set("Content-Disposition", dispositionOf(disposition, c.file.Name))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(c.file.Content))
}

// dispositionOf returns the header with the name of a file.
func dispositionOf(disposition, name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if value := mime.FormatMediaType(disposition, map[string]string{"filename": name}); name != "." && name != "/" && value != "" {
		return value
	}
	return disposition
}

// showable reports whether a browser may show a file of the type in place: it cannot run a
// script.
func showable(kind string) bool {
	switch kind {
	case "image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp", "image/avif":
		return true
	}
	return strings.HasPrefix(kind, "audio/") || strings.HasPrefix(kind, "video/")
}
