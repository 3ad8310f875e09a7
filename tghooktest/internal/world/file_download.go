package world

import (
	"cmp"
	"fmt"
	"os"
	"path"
	"path/filepath"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// maxDownload is the size of the largest file that a bot can download.
const maxDownload = 20 << 20

func (w *World) getFile(p botapi.Params) (any, error) {
	id := p.String("file_id")
	if id == "" {
		return nil, refusal("file_id not specified")
	}
	f := w.files[id]
	switch {
	case f == nil:
		return nil, refusal("invalid file_id")
	case f.Size > maxDownload && w.cfg.Files == "":
		return nil, refusal("file is too big")
	}
	if f.Path == "" {
		folder := kinds[f.Kind].folder
		f.Path = fmt.Sprintf("%s/file_%d%s", folder, w.count[folder], cmp.Or(path.Ext(f.Name), kinds[f.Kind].ending))
		w.count[folder]++
		w.paths[f.Path] = f
	}
	info := f.FileInfo
	for _, size := range f.sizes {
		if size.ID == id {
			info = size.FileInfo
		}
	}
	if f.Content == nil {
		info.Size = len(f.bytes())
	}
	place, err := w.keep(f)
	if err != nil {
		return nil, err
	}
	return struct {
		FileInfo
		Path string `json:"file_path"`
	}{info, place}, nil
}

// keep returns the file_path of f. A local Bot API server has the file on its disk by then.
func (w *World) keep(f *File) (string, error) {
	if w.cfg.Files == "" {
		return f.Path, nil
	}
	place := filepath.Join(w.cfg.Files, filepath.FromSlash(f.Path))
	if _, err := os.Stat(place); err == nil {
		return place, nil
	}
	err := os.MkdirAll(filepath.Dir(place), 0o700)
	if err == nil {
		err = os.WriteFile(place, f.bytes(), 0o600)
	}
	return place, err
}

// Download returns the content of the file at a file_path of getFile. All sizes of a photo
// have the content that was uploaded. The content of a file that nobody uploaded is made up.
func (w *World) Download(filePath string) ([]byte, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f, ok := w.paths[filePath]
	if !ok {
		return nil, false
	}
	return f.bytes(), true
}
