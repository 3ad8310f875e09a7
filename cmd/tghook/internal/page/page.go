// Package page serves the page of `tghook dev`, a chat in the browser and an inspector beside it, and the page of
// `tghook serve`, the inspector of bots in service. They share modules.
//
// The pages are made of the files in static: HTML, CSS and ES modules that the browser reads as they are. There is no build
// step. A page talks to the API of its command only, and has no rights of its own there.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var embedded embed.FS

// Policy is the Content-Security-Policy of the page. Scripts, styles and data come from the server of the page alone.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; " +
	"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// A Handler serves a page at "/" and its files at "/page/".
type Handler struct {
	files map[string]*file
}

// New returns the page of `tghook dev`.
func New() (*Handler, error) { return newHandler("index.html") }

// NewServe returns the page of `tghook serve`.
func NewServe() (*Handler, error) { return newHandler("serve.html") }

// newHandler reads the files of the pages and compresses them. start is the file at "/".
func newHandler(start string) (*Handler, error) {
	h := &Handler{files: map[string]*file{}}
	err := fs.WalkDir(embedded, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "static/")
		if h.files["/page/"+name], err = newFile(name, body); err != nil {
			return fmt.Errorf("page: compress %s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.files["/"] = h.files["/page/"+start]
	return h, nil
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", Policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "The page is read with GET or HEAD.", http.StatusMethodNotAllowed)
		return
	}
	f := h.files[r.URL.Path]
	if f == nil {
		http.Error(w, "There is no such file. The page is at /.", http.StatusNotFound)
		return
	}
	f.serve(w, r)
}

// A file is one file of the page, plain and compressed.
type file struct {
	contentType string
	plain       []byte
	packed      []byte // gzip; nil if it would be larger
	tag         string // of the content; the quotes of an ETag are missing
}

var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

func newFile(name string, body []byte) (*file, error) {
	sum := sha256.Sum256(body)
	f := &file{contentType: contentTypes[path.Ext(name)], plain: body, tag: hex.EncodeToString(sum[:8])}
	if f.contentType == "" {
		f.contentType = "text/plain; charset=utf-8"
	}
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zip.Write(body); err != nil {
		return nil, err
	}
	if err := zip.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(body) {
		f.packed = packed.Bytes()
	}
	return f, nil
}

// serve answers with the file. The browser keeps it, and asks each time whether it is still the same:
// so a newer command is never shown with files of an older one.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-cache")
	header.Set("Vary", "Accept-Encoding")
	header.Set("Content-Type", f.contentType)
	body, tag := f.plain, f.tag
	if f.packed != nil && acceptsGzip(r) {
		body, tag = f.packed, f.tag+"-gzip"
		header.Set("Content-Encoding", "gzip")
	}
	header.Set("ETag", `"`+tag+`"`)
	if matches(r.Header.Get("If-None-Match"), tag) {
		header.Del("Content-Type")
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodHead {
		return
	}
	_, _ = w.Write(body) // the browser has gone: nobody is left to tell
}

func acceptsGzip(r *http.Request) bool {
	for _, value := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(value, ",") {
			name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return !refused(quality)
			}
		}
	}
	return false
}

// refused tells whether the quality of an encoding is zero.
func refused(quality string) bool {
	value, found := strings.CutPrefix(strings.ReplaceAll(quality, " ", ""), "q=")
	q, err := strconv.ParseFloat(value, 64)
	return found && err == nil && q == 0
}

func matches(header, tag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == "*" || part == `"`+tag+`"` {
			return true
		}
	}
	return false
}
