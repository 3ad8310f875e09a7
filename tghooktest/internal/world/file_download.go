package world

import (
	"cmp"
	"fmt"
	"path"

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
	case f.Size > maxDownload:
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
	return struct {
		FileInfo
		Path string `json:"file_path"`
	}{info, f.Path}, nil
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
