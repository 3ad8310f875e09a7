package tghook_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tghook/tghook"
	"github.com/tghook/tghook/internal/test/rig"
	"github.com/tghook/tghook/tghooktest"
)

// noise is content of which each part differs from every other.
func noise(size int) []byte {
	draw := rand.NewChaCha8([32]byte{1})
	content := make([]byte, size)
	_, _ = draw.Read(content)
	return content
}

// sent returns the file_id of a document that a user has sent to the bot of tg.
func sent(tb testing.TB, tg *tghooktest.Server, content []byte) string {
	tb.Helper()
	var m struct {
		Document struct {
			ID string `json:"file_id"`
		} `json:"document"`
	}
	require.NoError(tb, json.Unmarshal(tg.User("Ann").Chat().SendDocument("report.pdf", content).Raw, &m))
	require.NotEmpty(tb, m.Document.ID)
	return m.Document.ID
}

func TestAFileIsDownloadedFromTelegram(t *testing.T) {
	t.Parallel()
	content := noise(3 << 20)
	tg := rig.NewTelegram(t)
	id := sent(t, tg.Server, content)
	var got bytes.Buffer
	pieces := 0
	w := writer(func(p []byte) (int, error) { pieces++; return got.Write(p) })
	require.NoError(t, tg.Client(t, tghook.ClientConfig{}).Download(t.Context(), id, w))
	assert.True(t, bytes.Equal(content, got.Bytes()), "content")
	assert.Greater(t, pieces, 10, "pieces, by which w can show the progress")

	err := tg.Client(t, tghook.ClientConfig{}).Download(t.Context(), "unknown", io.Discard)
	require.EqualError(t, err, "tghook: getFile: 400 Bad Request: invalid file_id")
}

func TestAFileOfALocalServerIsReadFromItsDirectory(t *testing.T) {
	t.Parallel()
	content := noise(21 << 20) // Telegram's own servers refuse it
	files := t.TempDir()
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Token: rig.APIToken, InMemory: true, Files: files})
	id := sent(t, tg, content)
	client := func(cfg tghook.ClientConfig) *tghook.Client {
		cfg.BaseURL, cfg.HTTP = tg.URL, tg.Client()
		return rig.NewClient(t, cfg)
	}

	var got bytes.Buffer
	require.NoError(t, client(tghook.ClientConfig{Files: files}).Download(t.Context(), id, &got))
	assert.True(t, bytes.Equal(content, got.Bytes()), "content")

	t.Run("that is mounted elsewhere", func(t *testing.T) {
		mounted := t.TempDir()
		require.NoError(t, os.CopyFS(mounted, os.DirFS(files)))
		got.Reset()
		require.NoError(t, client(tghook.ClientConfig{Files: mounted}).Download(t.Context(), id, &got))
		assert.True(t, bytes.Equal(content, got.Bytes()), "content")
	})
	t.Run("above which the Client's is", func(t *testing.T) {
		got.Reset()
		require.NoError(t, client(tghook.ClientConfig{Files: filepath.Dir(files)}).Download(t.Context(), id, &got))
		assert.True(t, bytes.Equal(content, got.Bytes()), "content")
	})
	t.Run("which the Client does not know", func(t *testing.T) {
		err := client(tghook.ClientConfig{Local: true}).Download(t.Context(), id, io.Discard)
		require.ErrorContains(t, err, "the file is on the disk of the Bot API server, at "+files)
		require.ErrorContains(t, err, "set ClientConfig.Files")
		rig.KeepsToken(t, err)
	})
	t.Run("which has not the file any more", func(t *testing.T) {
		err := client(tghook.ClientConfig{Files: t.TempDir()}).Download(t.Context(), id, io.Discard)
		require.ErrorIs(t, err, os.ErrNotExist)
		rig.KeepsToken(t, err)
	})
	t.Run("which is not there", func(t *testing.T) {
		err := client(tghook.ClientConfig{Files: filepath.Join(files, "nowhere")}).Download(t.Context(), id, io.Discard)
		require.ErrorIs(t, err, os.ErrNotExist)
		require.ErrorContains(t, err, "ClientConfig.Files")
	})
	t.Run("as far as MaxDownload allows", func(t *testing.T) {
		got.Reset()
		err := client(tghook.ClientConfig{Files: files, MaxDownload: 20 << 20}).Download(t.Context(), id, &got)
		require.ErrorIs(t, err, tghook.ErrFileTooLarge)
		assert.Zero(t, got.Len(), "bytes")
	})
}

// files is a Bot API whose getFile returns a file_path and a file_size. It serves the file by
// f.
func files(path string, size int, f func(*http.Request) (*http.Response, error)) rig.Transport {
	return func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/getFile") {
			return rig.APIAnswer(200, fmt.Sprintf(`{"ok":true,"result":{"file_id":"a","file_path":%q,"file_size":%d}}`, path, size)), nil
		}
		return f(r)
	}
}

func TestOnlyFilesWithinTheDirectoryAreRead(t *testing.T) {
	t.Parallel()
	directory, outside := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o600))
	bot := filepath.Join(directory, rig.APIToken)
	require.NoError(t, os.MkdirAll(filepath.Join(bot, "photos"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(bot, "photos", "file_0.jpg"), []byte("photo"), 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(bot, "photos", "link")))
	require.NoError(t, os.Symlink(outside, filepath.Join(bot, "folder")))

	for path, want := range map[string]string{
		bot + "/photos/file_0.jpg": "",
		"/var/lib/telegram-bot-api/" + rig.APIToken + "/photos/file_0.jpg": "",
		"photos/file_0.jpg": "", // of a server without --local
		secret:              "is outside of ClientConfig.Files",
		"/etc/passwd":       "is outside of ClientConfig.Files",
		bot + "/../../" + filepath.Base(outside) + "/secret": "is outside of ClientConfig.Files",
		"/x/" + rig.APIToken + "/../../secret":               "is outside of ClientConfig.Files",
		"../../" + filepath.Base(outside) + "/secret":        "is outside of ClientConfig.Files",
		"photos/link":       "escapes",
		"folder/secret":     "escapes",
		"photos":            "is not a file",
		"photos/file_1.jpg": "no such file",
		`C:\telegram-bot-api\` + rig.APIToken + `\photos\file_0.jpg`: "is outside of ClientConfig.Files",
		"": "getFile has returned no file_path",
	} {
		c := files(path, 0, func(r *http.Request) (*http.Response, error) {
			t.Error("a request:", r.URL.Path)
			return nil, errors.New("refused")
		}).Client(t, tghook.ClientConfig{Files: directory})
		var got bytes.Buffer
		err := c.Download(t.Context(), "a", &got)
		name := strings.ReplaceAll(path, rig.APIToken, "TOKEN")
		if want == "" {
			require.NoError(t, err, name)
			assert.Equal(t, "photo", got.String(), name)
			continue
		}
		require.ErrorContains(t, err, want, name)
		rig.KeepsToken(t, err)
		assert.Empty(t, got.String(), name)
	}
}

func TestADownloadThatIsCutGoesOnOnce(t *testing.T) {
	t.Parallel()
	content := noise(100_000)
	const cutAt = 60_001
	whole := func(r *http.Request) *http.Response { // a server that knows ranges
		from := 0
		if unit, rest, _ := strings.Cut(strings.TrimSuffix(r.Header.Get("Range"), "-"), "="); unit == "bytes" {
			from, _ = strconv.Atoi(rest)
		}
		res := served(content[from:])
		res.Header.Set("ETag", `"first"`)
		if from > 0 {
			res.StatusCode = 206
			res.Header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(content)-1, len(content)))
		}
		return res
	}
	cut := func(res *http.Response) *http.Response {
		res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, cutAt), failing{io.ErrUnexpectedEOF}))
		return res
	}
	changed := func(res *http.Response, header, value string) *http.Response {
		res.Header.Set(header, value)
		return res
	}
	for name, test := range map[string]struct {
		answers []func(*http.Request) *http.Response
		want    string // an error
		got     int    // how much arrives
	}{
		"the rest is asked for": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) }, whole,
		}, "", len(content)},
		"a server without ranges sends all of it": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) },
			func(*http.Request) *http.Response { return changed(served(content), "ETag", `"first"`) },
		}, "", len(content)},
		"a weak ETag vouches for no range": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return changed(cut(whole(r)), "ETag", `W/"first"`) },
			func(r *http.Request) *http.Response {
				assert.Empty(t, r.Header.Get("If-Range"), "condition")
				return changed(served(content), "ETag", `W/"first"`)
			},
		}, "", len(content)},
		"an answer without a length ends early": {[]func(*http.Request) *http.Response{
			func(*http.Request) *http.Response {
				res := served(content[:cutAt])
				res.ContentLength = -1
				return res
			}, whole,
		}, "", len(content)},
		"it is cut again": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) },
			func(r *http.Request) *http.Response {
				res := whole(r)
				res.Body = io.NopCloser(io.MultiReader(io.LimitReader(res.Body, 9), failing{io.ErrUnexpectedEOF}))
				return res
			},
		}, "tghook: file download: the connection ended early: unexpected EOF", cutAt + 9},
		"the file has changed": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) },
			func(*http.Request) *http.Response { return changed(served(content), "ETag", `"second"`) },
		}, "tghook: file download: the file has changed during the download", cutAt},
		"the server sends another range": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) },
			func(r *http.Request) *http.Response {
				return changed(whole(r), "Content-Range", "bytes 7-99999/100000")
			},
		}, `tghook: file download: the server was asked for the bytes from 60001, and sent "bytes 7-99999/100000"`, cutAt},
		"the server is gone": {[]func(*http.Request) *http.Response{
			func(r *http.Request) *http.Response { return cut(whole(r)) },
			func(*http.Request) *http.Response { return rig.APIAnswer(502, "<html>") },
		}, `tghook: file download: 502 (Bad Gateway) 6 bytes are not an answer of the Bot API: "<html>"`, cutAt},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ranges, conditions []string
			c := files("documents/file_0.pdf", len(content), func(r *http.Request) (*http.Response, error) {
				ranges = append(ranges, r.Header.Get("Range"))
				conditions = append(conditions, r.Header.Get("If-Range"))
				return test.answers[len(ranges)-1](r), nil
			}).Client(t, tghook.ClientConfig{})
			var got bytes.Buffer
			err := c.Download(t.Context(), "a", &got)
			if test.want == "" {
				require.NoError(t, err)
			} else {
				require.EqualError(t, err, test.want)
			}
			assert.True(t, bytes.Equal(content[:test.got], got.Bytes()), "content, of %d bytes", got.Len())
			assert.Equal(t, []string{"", "bytes=60001-"}, ranges, "ranges")
			if name == "the rest is asked for" {
				assert.Equal(t, []string{"", `"first"`}, conditions, "conditions")
			}
		})
	}
}

func TestADownloadThatIsCutBehindItsLastByteIsWhole(t *testing.T) {
	t.Parallel()
	requests := 0
	c := files("a", 4, func(*http.Request) (*http.Response, error) {
		requests++
		res := served([]byte("text"))
		res.Body = io.NopCloser(io.MultiReader(res.Body, failing{io.ErrUnexpectedEOF}))
		return res, nil
	}).Client(t, tghook.ClientConfig{})
	var got bytes.Buffer
	require.NoError(t, c.Download(t.Context(), "a", &got))
	assert.Equal(t, "text", got.String())
	assert.Equal(t, 1, requests, "requests")
}

func TestADownloadIsNotLargerThanMaxDownload(t *testing.T) {
	t.Parallel()
	content := noise(5000)
	for name, test := range map[string]struct {
		size    int  // file_size
		chunked bool // without Content-Length
		max     int64
		got     int
	}{
		"by file_size":           {5000, false, 4999, 0},
		"by Content-Length":      {0, false, 4999, 0},
		"by what comes":          {0, true, 4999, 4999},
		"that is as large":       {5000, true, 5000, 5000},
		"without a limit":        {5000, true, -1, 5000},
		"that Telegram's allows": {5000, false, 0, 5000},
	} {
		c := files("a", test.size, func(*http.Request) (*http.Response, error) {
			res := served(content)
			if test.chunked {
				res.ContentLength = -1
			}
			return res, nil
		}).Client(t, tghook.ClientConfig{MaxDownload: test.max})
		var got bytes.Buffer
		err := c.Download(t.Context(), "a", &got)
		if test.got == len(content) {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, tghook.ErrFileTooLarge, name)
			require.EqualError(t, err, "tghook: the file is too large: it has 5000 bytes, and ClientConfig.MaxDownload is 4999", name)
		}
		assert.Equal(t, test.got, got.Len(), name)
	}
}

func TestADownloadAsksForTheFileWhereTelegramHasIt(t *testing.T) {
	t.Parallel()
	for want, test := range map[string]struct {
		cfg  tghook.ClientConfig
		path string
	}{
		"https://api.telegram.org/file/bot" + rig.APIToken + "/photos/file_0.jpg":      {tghook.ClientConfig{}, "photos/file_0.jpg"},
		"https://api.telegram.org/file/bot" + rig.APIToken + "/test/photos/file_0.jpg": {tghook.ClientConfig{TestEnvironment: true}, "photos/file_0.jpg"},
		"https://h.example/api/file/bot" + rig.APIToken + "/a%20b%3F%23%25.bin":        {tghook.ClientConfig{BaseURL: "https://h.example/api/"}, "a b?#%.bin"},
	} {
		asked := ""
		c := files(test.path, 4, func(r *http.Request) (*http.Response, error) {
			asked = r.URL.String()
			return served([]byte("text")), nil
		}).Client(t, test.cfg)
		require.NoError(t, c.Download(t.Context(), "a", io.Discard))
		assert.Equal(t, want, asked)
	}
}

func TestALocalFileIsNotLargerThanMaxDownloadEither(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(directory, rig.APIToken), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(directory, rig.APIToken, "a"), noise(5000), 0o600))
	var got bytes.Buffer
	err := files("a", 0, nil).Client(t, tghook.ClientConfig{Files: directory, MaxDownload: 4999}).Download(t.Context(), "a", &got)
	require.ErrorIs(t, err, tghook.ErrFileTooLarge)
	assert.Zero(t, got.Len(), "bytes")
}

func TestADownloadIsNotGoneOnWithIfTheWriterFailsToo(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	requests := 0
	c := files("a", 0, func(*http.Request) (*http.Response, error) {
		requests++
		res := served([]byte("text"))
		res.Body = io.NopCloser(iotest.DataErrReader(io.MultiReader(res.Body, failing{io.ErrUnexpectedEOF})))
		return res, nil
	}).Client(t, tghook.ClientConfig{})
	err := c.Download(t.Context(), "a", writer(func([]byte) (int, error) { return 0, full }))
	require.EqualError(t, err, "tghook: file download: write: disk full")
	assert.Equal(t, 1, requests, "requests")
}

func TestADownloadThatFailsSaysWhyAndNoToken(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	ok := func(*http.Request) (*http.Response, error) { return served([]byte("text")), nil }
	for want, test := range map[string]struct {
		cfg    tghook.ClientConfig
		answer func(*http.Request) (*http.Response, error)
		w      io.Writer
		is     error
	}{
		"tghook: file download: 404 Not Found (a Bot API server of your own serves no files; set ClientConfig.Files to its directory)": {
			cfg: tghook.ClientConfig{BaseURL: "http://localhost:8081"},
			answer: func(*http.Request) (*http.Response, error) {
				return rig.APIAnswer(404, `{"ok":false,"error_code":404,"description":"Not Found"}`), nil
			},
		},
		"tghook: file download: 404 Not Found": {
			answer: func(*http.Request) (*http.Response, error) {
				return rig.APIAnswer(404, `{"ok":false,"error_code":404,"description":"Not Found"}`), nil
			},
		},
		"tghook: file download: 302 (Found) 0 bytes are not an answer of the Bot API: \"\"": {
			answer: func(*http.Request) (*http.Response, error) { return rig.APIAnswer(302, ""), nil },
		},
		"tghook: file download: refused": {
			answer: func(r *http.Request) (*http.Response, error) { return nil, errors.New("refused") },
		},
		"tghook: file download: write: disk full":     {answer: ok, w: writer(func([]byte) (int, error) { return 0, full }), is: full},
		"tghook: file download: write: short write":   {answer: ok, w: writer(func([]byte) (int, error) { return 1, nil }), is: io.ErrShortWrite},
		"tghook: file download: tghook: panic: a bug": {answer: ok, w: writer(func([]byte) (int, error) { panic("a bug") })},
	} {
		if test.w == nil {
			test.w = io.Discard
		}
		err := files("a", 4, test.answer).Client(t, test.cfg).Download(t.Context(), "a", test.w)
		require.EqualError(t, err, want)
		if test.is != nil {
			require.ErrorIs(t, err, test.is)
		}
		rig.KeepsToken(t, err)
	}
}

func TestADownloadIsRepeatedWhileNothingHasCome(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		asked := 0
		c := files("a", 4, func(*http.Request) (*http.Response, error) {
			if asked++; asked < 3 {
				return rig.APIAnswer(429, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 5","parameters":{"retry_after":5}}`), nil
			}
			return served([]byte("text")), nil
		}).Client(t, tghook.ClientConfig{Patience: time.Minute})
		began := time.Now()
		require.NoError(t, c.Download(t.Context(), "a", io.Discard))
		assert.Equal(t, 10*time.Second, time.Since(began), "waits")
	})
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Minute, errors.New("the test is over"))
		defer cancel()
		stuck := make(chan struct{})
		c := files("a", 4, func(*http.Request) (*http.Response, error) { return served([]byte("text")), nil }).Client(t, tghook.ClientConfig{})
		began := time.Now()
		err := c.Download(ctx, "a", writer(func(p []byte) (int, error) { <-stuck; return len(p), nil }))
		require.ErrorContains(t, err, "the test is over")
		assert.Equal(t, time.Minute+time.Second, time.Since(began), "time")
		close(stuck)
		synctest.Wait()
	})
}

func TestAFileIsNotReadOnFromTheDiskWhenTheContextHasEnded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "a")
	require.NoError(t, os.WriteFile(name, noise(1<<20), 0o600))
	c := files(name, 1<<20, nil).Client(t, tghook.ClientConfig{Files: dir})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	writes := 0
	err := c.Download(ctx, "a", writer(func(p []byte) (int, error) { writes++; cancel(); return len(p), nil }))
	require.ErrorIs(t, err, context.Canceled)
	assert.Equal(t, 1, writes, "writes")
}

func TestADownloadWithTheContextOfAHandlerThatHasReturnedSaysSo(t *testing.T) {
	rig.Bubble(t, func(t *testing.T) {
		c := files("a", 4, func(r *http.Request) (*http.Response, error) { return nil, r.Context().Err() }).Client(t, tghook.ClientConfig{})
		handlers := make(chan context.Context, 1)
		b := rig.NewBot(t, tghook.Config{Dispatch: tghook.DispatchConfig{Bot: c.Bot()}}, func(ctx context.Context, _ *tghook.Update) (tghook.Reply, error) {
			handlers <- ctx
			return tghook.NoReply, nil
		})
		b.Send(rig.MessageIn(7, 1))
		synctest.Wait()
		err := c.Download(<-handlers, "a", io.Discard)
		require.ErrorContains(t, err, "the handler has returned")
	})
}

func TestTheDocumentationOfDownloadsIsAnExample(t *testing.T) {
	t.Parallel()
	const line = "client.Download(ctx, message.Document.FileID, file)"
	for _, file := range []string{"docs/running.md", "example_test.go"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(text), line, file)
	}
}

// served is an answer with a file.
func served(body []byte) *http.Response {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body)),
	}
}

// writer is a function as an [io.Writer].
type writer func([]byte) (int, error)

func (f writer) Write(p []byte) (int, error) { return f(p) }

// failing is a reader that fails.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
