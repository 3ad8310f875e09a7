package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

var handler = sync.OnceValues(New)

// An answer is one of the handler.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       *bytes.Buffer
}

func get(t *testing.T, path string, header ...string) answer {
	t.Helper()
	return do(t, http.MethodGet, path, header...)
}

func do(t *testing.T, method, path string, header ...string) answer {
	t.Helper()
	h, err := handler()
	require.NoError(t, err)
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body}
}

func body(a answer) string { return a.Body.String() }

// files gives all files of the page, by name below static.
func files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	require.NoError(t, fs.WalkDir(embedded, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		b, err := embedded.ReadFile(name)
		all[strings.TrimPrefix(name, "static/")] = string(b)
		return err
	}))
	return all
}

func TestPageAndItsFiles(t *testing.T) {
	index := get(t, "/")
	require.Equal(t, http.StatusOK, index.StatusCode)
	require.Equal(t, "text/html; charset=utf-8", index.Header.Get("Content-Type"))
	require.Contains(t, body(index), `src="/page/app.js"`)
	for name, content := range files(t) {
		resp := get(t, "/page/"+name)
		require.Equal(t, http.StatusOK, resp.StatusCode, name)
		require.Equal(t, content, body(resp), name)
	}
	require.Equal(t, "text/javascript; charset=utf-8", get(t, "/page/app.js").Header.Get("Content-Type"))
	require.Equal(t, "text/css; charset=utf-8", get(t, "/page/app.css").Header.Get("Content-Type"))
}

func TestPageOfServe(t *testing.T) {
	h, err := NewServe()
	require.NoError(t, err)
	for path, want := range map[string]string{"/": `src="/page/serve.js"`, "/page/serve.js": "'/api/stream'", "/page/theme.css": ":root"} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody))
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Body.String(), want, path)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	for _, resp := range []answer{get(t, "/"), get(t, "/page/app.js"), get(t, "/page/none.js"), do(t, http.MethodPost, "/"), get(t, "/../page.go")} {
		require.Equal(t, Policy, resp.Header.Get("Content-Security-Policy"))
		require.Equal(t, "nosniff", resp.Header.Get("X-Content-Type-Options"))
		require.Equal(t, "no-referrer", resp.Header.Get("Referrer-Policy"))
	}
	require.NotContains(t, Policy, "unsafe")
	require.NotContains(t, Policy, "http")
	require.Contains(t, Policy, "default-src 'none'")
}

func TestWhatIsNotThere(t *testing.T) {
	for _, path := range []string{"/page/", "/page", "/page/static/app.js", "/page/../page.go", "/index.html", "/page/none.js"} {
		require.Equal(t, http.StatusNotFound, get(t, path).StatusCode, path)
	}
	resp := do(t, http.MethodDelete, "/")
	require.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)
	require.Equal(t, "GET, HEAD", resp.Header.Get("Allow"))
}

func TestGzipAndRevalidation(t *testing.T) {
	plain := get(t, "/page/app.css")
	want := body(plain)
	packed := get(t, "/page/app.css", "Accept-Encoding", "br, gzip")
	require.Equal(t, "gzip", packed.Header.Get("Content-Encoding"))
	require.Equal(t, "Accept-Encoding", packed.Header.Get("Vary"))
	reader, err := gzip.NewReader(packed.Body)
	require.NoError(t, err)
	got, err := io.ReadAll(reader)
	require.NoError(t, err)
	require.Equal(t, want, string(got))

	require.NotEqual(t, plain.Header.Get("ETag"), packed.Header.Get("ETag"), "two forms of a file have two tags")
	for _, accept := range []string{"", "identity", "gzip;q=0", "gzip; q=0.0"} {
		require.Empty(t, get(t, "/page/app.css", "Accept-Encoding", accept).Header.Get("Content-Encoding"), accept)
	}
	require.Equal(t, "gzip", get(t, "/page/app.css", "Accept-Encoding", "gzip;q=0.5").Header.Get("Content-Encoding"))

	for _, match := range []string{plain.Header.Get("ETag"), "W/" + plain.Header.Get("ETag"), `"x", ` + plain.Header.Get("ETag"), "*"} {
		same := get(t, "/page/app.css", "If-None-Match", match)
		require.Equal(t, http.StatusNotModified, same.StatusCode, match)
		require.Empty(t, body(same))
	}
	require.Equal(t, http.StatusOK, get(t, "/page/app.css", "If-None-Match", `"other"`).StatusCode)
	head := do(t, http.MethodHead, "/page/app.css")
	require.Equal(t, strconv.Itoa(len(want)), head.Header.Get("Content-Length"))
	require.Empty(t, body(head))
}

// What a browser loads at the first visit: all that is not a licence.
func TestTransferred(t *testing.T) {
	const most = 150 << 10
	total := 0
	for name := range files(t) {
		if strings.HasPrefix(path.Base(name), "LICENSE") {
			continue
		}
		total += len(body(get(t, "/page/"+name, "Accept-Encoding", "gzip")))
	}
	t.Logf("%d bytes are transferred", total)
	require.LessOrEqual(t, total, most)
}

// The vendored file is the one of the package htm 3.1.1 (preact/standalone.module.js), unchanged.
func TestVendored(t *testing.T) {
	sum := sha256.Sum256([]byte(files(t)["vendor/preact.js"]))
	require.Equal(t, "72284e8e9079c87817145df1110f74e8a2aa040b2fc384922e18dfcb46fc1fd7", hex.EncodeToString(sum[:]))
	require.Contains(t, files(t)["vendor/LICENSE.htm"], "Apache License")
	require.Contains(t, files(t)["vendor/LICENSE.preact"], "Jason Miller")
}

// forbidden makes text into a document or code, or styles or scripts that the policy forbids.
var forbidden = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|DOMParser|createContextualFragment|setAttribute\('(style|on)|https?://[^\s'"` + "`" + `]*\.(js|css)`)

func TestNoTextBecomesCode(t *testing.T) {
	for name, content := range files(t) {
		if strings.HasPrefix(name, "vendor/") {
			continue
		}
		require.NotRegexp(t, forbidden, content, name)
		if path.Ext(name) == ".html" {
			require.NotRegexp(t, `<style|\sstyle=|\son[a-z]+=|<script>`, content)
		}
		require.NotRegexp(t, `style="`, content, "%s: the policy allows no inline style; set it by an object", name)
	}
}

// Each import of a module names a file that exists, with its ending: there is no build step that would add it.
func TestImports(t *testing.T) {
	all := files(t)
	imports := regexp.MustCompile(`(?m)^import .*?'([^']+)';$`)
	for name, content := range all {
		if path.Ext(name) != ".js" || strings.HasPrefix(name, "vendor/") {
			continue
		}
		for _, m := range imports.FindAllStringSubmatch(content, -1) {
			require.Contains(t, all, path.Join(path.Dir(name), m[1]), "%s imports %s", name, m[1])
		}
	}
	links := regexp.MustCompile(`(?:href|src)="/page/([^"]+)"`)
	for _, start := range []string{"index.html", "serve.html"} {
		for _, m := range links.FindAllStringSubmatch(all[start], -1) {
			require.Contains(t, all, m[1], start)
		}
	}
}
