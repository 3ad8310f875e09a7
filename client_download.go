package tghook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tghook/tghook/internal/guard"
	"github.com/tghook/tghook/internal/retry"
)

const (
	maxCloudDownload = 20 << 20   // https://core.telegram.org/bots/api#getfile
	maxLocalDownload = 4000 << 20 // the largest file of a user with Telegram Premium
	fileDownload     = "file download"
)

// Download calls getFile and writes the content of the file to w. It writes the pieces in
// their order, as they arrive, so w can show the progress. If it fails, w may have a part of
// the content.
//
// A Bot API server of your own serves no files. It keeps them in a directory, and Download
// reads them there: see [ClientConfig].Files. With --local it has the whole file when getFile
// returns, so getFile of a large file takes long.
//
// If the connection ends before the file does, Download asks once for the rest. A request that
// fails is repeated as [ClientConfig].Patience says.
//
// The errors are those of [Client.Call]. If the file is larger than [ClientConfig].MaxDownload,
// the error wraps [ErrFileTooLarge]. Telegram itself refuses files of more than 20 MB with an
// *[APIError]. An error of w is wrapped. If w panics, the error is a *[PanicError].
func (c *Client) Download(ctx context.Context, fileID string, w io.Writer) error {
	var file struct {
		Path string `json:"file_path"`
		Size int64  `json:"file_size"`
	}
	err := c.Call(ctx, "getFile", map[string]any{"file_id": fileID}, &file)
	if err != nil {
		return err
	}
	d := &download{client: c, w: w, path: file.Path, size: file.Size}
	return guard.Call(func() error { // ctx is the user's too
		_, err := guard.Beside(ctx, stopPatience, func() (any, error) { return nil, d.run(ctx) })
		if err == nil {
			return nil
		}
		if found := inspect(err); found.api != nil || found.tooLarge {
			return err
		}
		if late := tooLate(ctx, runOf(ctx, c.bot)); late != nil {
			err = late
		}
		return c.failure(ctx, fileDownload, err)
	})
}

// maxDownload returns how many bytes a file may have.
func maxDownload(cfg ClientConfig) int64 {
	switch {
	case cfg.MaxDownload < 0:
		return math.MaxInt64
	case cfg.MaxDownload > 0:
		return cfg.MaxDownload
	case cfg.Local || cfg.Files != "":
		return maxLocalDownload
	}
	return maxCloudDownload
}

// download is one download. The goroutine that runs it owns it.
type download struct {
	client *Client
	w      io.Writer
	path   string // file_path, which may hold the token
	size   int64  // file_size; 0 if Telegram has not told it

	written int64
	etag    string // of the first answer
}

func (d *download) run(ctx context.Context) error {
	if d.path == "" {
		return errors.New("getFile has returned no file_path")
	}
	if err := d.fits(d.size); err != nil {
		return err
	}
	if d.client.files != "" {
		return d.read(ctx)
	}
	if isAbsolute(d.path) {
		return fmt.Errorf("the file is on the disk of the Bot API server, at %s; set ClientConfig.Files to the server's directory", d.client.redact(d.path))
	}
	err := d.fetch(ctx)
	var cut *cutError
	switch {
	case !errors.As(err, &cut) || ctx.Err() != nil:
		return err
	case d.size > 0 && d.written == d.size: // cut behind the last byte
		return nil
	}
	return d.fetch(ctx)
}

// isAbsolute reports whether p is the path of a file on a disk, of Windows too.
func isAbsolute(p string) bool {
	return strings.HasPrefix(p, "/") || len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
}

// read reads the file from the directory of a Bot API server.
func (d *download) read(ctx context.Context) error {
	root, err := os.OpenRoot(d.client.files)
	if err != nil {
		return fmt.Errorf("ClientConfig.Files: %w", err)
	}
	defer root.Close()
	name, err := d.client.place(d.path)
	if err != nil {
		return err
	}
	info, err := root.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("in ClientConfig.Files, %s: %w (it must be the server's --dir)", d.client.files, err)
	case err != nil:
		return fmt.Errorf("in ClientConfig.Files: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s in ClientConfig.Files is not a file", d.client.redact(name))
	}
	if err := d.fits(info.Size()); err != nil {
		return err
	}
	f, err := root.Open(name)
	if err != nil {
		return fmt.Errorf("in ClientConfig.Files: %w", err)
	}
	defer f.Close()
	return d.copy(ctx, f)
}

// placeIn returns a function that finds a file_path in the directory files of a Bot API
// server. The server keeps the files of a bot in a folder whose name begins with the token.
// The directory may have another name here than it has for the server, as in a container:
// then the folder shows what is in it. Source: telegram-bot-api, Client.cpp.
func placeIn(files, token string, test bool) func(file string) (string, error) {
	folder := token
	if test {
		folder += ":T"
	}
	return func(file string) (string, error) {
		if !isAbsolute(file) {
			file = filepath.Join(files, folder, filepath.FromSlash(file))
		}
		name, err := filepath.Rel(files, file)
		if i := strings.Index(file, "/"+folder+"/"); i >= 0 && (err != nil || !filepath.IsLocal(name)) {
			name, err = filepath.FromSlash(file[i+1:]), nil
		}
		if err != nil || !filepath.IsLocal(name) {
			return "", fmt.Errorf("the server's file %s is outside of ClientConfig.Files, %s; set it to the directory that the server has as --dir", file, files)
		}
		return name, nil
	}
}

// A cutError says that the connection has ended before the file.
type cutError struct{ err error }

func (e *cutError) Error() string { return "the connection ended early: " + e.err.Error() }
func (e *cutError) Unwrap() error { return e.err }

// fetch gets the file by HTTP, from the first byte that w does not have.
func (d *download) fetch(ctx context.Context) error {
	var res *http.Response
	repeats := func(err error) bool { return repeatable(err, true) }
	err := retry.Do(ctx, d.client.patience, repeats, askedWait, func() (err error) {
		res, err = d.open(ctx) //nolint:bodyclose // it is closed below
		return err
	})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := d.join(res); err != nil {
		return err
	}
	if err := d.fits(res.ContentLength); err != nil {
		return err
	}
	if err := d.copy(ctx, res.Body); err != nil {
		return err
	}
	if res.ContentLength < 0 && d.written < d.size {
		return &cutError{io.ErrUnexpectedEOF}
	}
	return nil
}

// open asks for the rest of the file.
func (d *download) open(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.client.fileURL(d.path), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept-Encoding", "identity")
	if d.written > 0 {
		req.Header.Set("Range", "bytes="+strconv.FormatInt(d.written, 10)+"-")
		if strings.HasPrefix(d.etag, `"`) { // a weak one does not vouch for the bytes
			req.Header.Set("If-Range", d.etag)
		}
	}
	res, err := d.client.http.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK || res.StatusCode == http.StatusPartialContent && d.written > 0 {
		return res, nil
	}
	defer res.Body.Close()
	page, _ := io.ReadAll(io.LimitReader(res.Body, maxPage))
	_, err = d.client.decode(fileDownload, res.StatusCode, page)
	if err == nil {
		err = &APIError{Method: fileDownload, Code: res.StatusCode, Description: http.StatusText(res.StatusCode)}
	}
	if res.StatusCode == http.StatusNotFound && !d.client.cloud {
		err = fmt.Errorf("%w (a Bot API server of your own serves no files; set ClientConfig.Files to its directory)", err)
	}
	return nil, err
}

// join reads on to the first byte that w does not have.
func (d *download) join(res *http.Response) error {
	if d.written == 0 {
		d.etag = res.Header.Get("ETag")
		return nil
	}
	if res.StatusCode == http.StatusPartialContent {
		if !strings.HasPrefix(res.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", d.written)) {
			return fmt.Errorf("the server was asked for the bytes from %d, and sent %q", d.written, res.Header.Get("Content-Range"))
		}
		return nil
	}
	if res.Header.Get("ETag") != d.etag {
		return errors.New("the file has changed during the download")
	}
	if _, err := io.CopyN(io.Discard, res.Body, d.written); err != nil {
		return &cutError{err}
	}
	return nil
}

// fits returns an error if a file of this size is too large. If size is negative, it is
// unknown.
func (d *download) fits(size int64) error {
	if size <= d.client.maxDownload {
		return nil
	}
	return fmt.Errorf("%w: it has %d bytes, and ClientConfig.MaxDownload is %d", ErrFileTooLarge, size, d.client.maxDownload)
}

// copy writes what is left of the file to w.
func (d *download) copy(ctx context.Context, from io.Reader) error {
	in := &incoming{ctx: ctx, download: d, from: from}
	_, err := io.Copy(d.w, in)
	if err != nil && err != in.err { //nolint:errorlint // io.Copy returns the error of Read as it is
		return fmt.Errorf("write: %w", err)
	}
	return err
}

// incoming reads a file for io.Copy. It keeps its error, so that it is not taken for that of
// the writer.
type incoming struct {
	ctx      context.Context // a file on a disk knows nothing of it
	download *download
	from     io.Reader
	err      error
}

func (in *incoming) Read(p []byte) (n int, err error) {
	if in.err = in.ctx.Err(); in.err != nil {
		return 0, in.err
	}
	n, err = in.from.Read(p)
	d := in.download
	d.written += int64(n)
	switch over := d.written - d.client.maxDownload; {
	case over > 0:
		n -= int(over)
		in.err = d.fits(d.written)
	case err != nil && err != io.EOF:
		in.err = &cutError{err}
	default:
		return n, err
	}
	return n, in.err
}
