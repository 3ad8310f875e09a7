package world

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"image"
	_ "image/gif"  // decodes the sizes of pictures
	_ "image/jpeg" // see above
	_ "image/png"  // see above
	"mime"
	"net/http"
	"path"
	"strings"
)

// kinds are the kinds of files, with their names in Telegram's errors, the first byte of
// their ids, the folder of their path, and the extension for a file without one.
var kinds = map[string]struct {
	name   string
	code   byte
	folder string
	ending string
}{
	"thumbnail":  {"Thumbnail", 0, "thumbnails", ".jpg"},
	"photo":      {"Photo", 2, "photos", ".jpg"},
	"voice":      {"VoiceNote", 3, "voice", ".oga"},
	"video":      {"Video", 4, "videos", ".mp4"},
	"document":   {"Document", 5, "documents", ""},
	"sticker":    {"Sticker", 8, "stickers", ".webp"},
	"audio":      {"Audio", 9, "music", ".mp3"},
	"animation":  {"Animation", 10, "animations", ".mp4"},
	"video_note": {"VideoNote", 13, "video_notes", ".mp4"},
}

// idVersion is the last byte of each file_id. Telegram checks it.
const idVersion = 4

// upload makes a file. w.mu is held.
func (w *World) upload(kind, name, contentType string, content []byte) *File {
	f := &File{Kind: kind, Name: name, MIME: contentType, Content: content}
	if f.MIME == "" || f.MIME == "application/octet-stream" { // the type that clients send if they do not know it
		f.MIME, _, _ = strings.Cut(mime.TypeByExtension(path.Ext(name)), ";")
	}
	if f.MIME == "" {
		f.MIME, _, _ = strings.Cut(http.DetectContentType(content), ";")
	}
	f.width, f.height = 640, 480 // for content that is not a readable picture
	if c, _, err := image.DecodeConfig(bytes.NewReader(content)); err == nil {
		f.width, f.height = c.Width, c.Height
	}
	if kind == "photo" {
		f.sizes = w.sizes(f)
		f.FileInfo = f.sizes[len(f.sizes)-1].FileInfo
	} else {
		f.FileInfo = w.fileInfo(f)
	}
	return f
}

// sizes returns the sizes in which Telegram keeps a picture, smallest first. All have the
// same content.
func (w *World) sizes(f *File) []PhotoSize {
	var sizes []PhotoSize
	for _, side := range []int{90, 320, 800, 1280, 2560} {
		width, height, longer := f.width, f.height, max(f.width, f.height)
		if longer > side {
			width, height = max(1, width*side/longer), max(1, height*side/longer)
		}
		sizes = append(sizes, PhotoSize{w.fileInfo(f), frame{width, height}})
		if longer <= side {
			break
		}
	}
	return sizes
}

// fileInfo makes a new id for a file, and registers the file under it.
func (w *World) fileInfo(f *File) FileInfo {
	w.count["file"]++
	n := w.count["file"]
	id := append(make([]byte, 0, 42), kinds[f.Kind].code, 0, 2, 2, 2, 0, 3, 0x19, 1)
	for part := range int64(4) {
		id = binary.BigEndian.AppendUint64(id, w.drawOwn("file_id", n, part))
	}
	unique := append(make([]byte, 0, 12), min(kinds[f.Kind].code, 2), 0, 3)
	unique = binary.BigEndian.AppendUint64(unique, w.drawOwn("file_unique_id", n))
	info := FileInfo{
		ID:       base64.RawURLEncoding.EncodeToString(append(id, idVersion)),
		UniqueID: base64.RawURLEncoding.EncodeToString(append(unique, kinds[f.Kind].code)),
		Size:     len(f.Content),
	}
	w.files[info.ID] = f
	w.made = append(w.made, info.ID)
	return info
}

// forget drops the files that the call has made, except the first ones. A call that fails
// leaves no file. w.mu is held.
func (w *World) forget(except int) {
	for _, id := range w.made[except:] {
		delete(w.files, id)
	}
	w.made = w.made[:except]
}

// content returns the content of a message with the file.
func (f *File) content() Content {
	name, size, end := named{f.Name, f.MIME}, frame{f.width, f.height}, preview{f.thumbnail, f.thumbnail, f.FileInfo}
	switch f.Kind {
	case "photo":
		return Content{Photo: f.sizes}
	case "video":
		return Content{Video: &Video{f.duration, size, name, end}}
	case "audio":
		return Content{Audio: &Audio{f.duration, name, f.title, f.performer, end}}
	case "voice":
		return Content{Voice: &Voice{f.duration, f.MIME, f.FileInfo}}
	case "video_note":
		return Content{VideoNote: &VideoNote{f.duration, f.width, end}}
	case "sticker":
		animated, video := f.MIME == "application/x-tgsticker", f.MIME == "video/webm"
		return Content{Sticker: &Sticker{frame: size, Emoji: f.emoji, IsAnimated: animated, IsVideo: video, Type: "regular", preview: end}}
	case "animation":
		return Content{Animation: &Animation{name, f.duration, size, end}, Document: &Document{name, end}}
	}
	return Content{Document: &Document{name, end}}
}
