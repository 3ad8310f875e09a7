package world

import (
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/base64"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"maps"
	"mime"
	"path"
	"slices"
	"strings"
)

// usualType has the MIME type of a file of each kind, if nothing tells another.
var usualType = map[string]string{
	"photo": "image/jpeg", "thumbnail": "image/jpeg", "voice": "audio/ogg", "video": "video/mp4", "animation": "video/mp4",
	"video_note": "video/mp4", "audio": "audio/mpeg", "sticker": "image/webp",
}

// typeOf returns the MIME type of a file of which only the kind and name are known.
func typeOf(kind, name string) string {
	if kind == "photo" || kind == "thumbnail" { // Telegram makes them JPEGs
		return usualType[kind]
	}
	byName, _, _ := strings.Cut(mime.TypeByExtension(path.Ext(name)), ";")
	return cmp.Or(byName, usualType[kind], "application/octet-stream")
}

// webp is a picture of one pixel.
var webp, _ = base64.StdEncoding.DecodeString("UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==")

// madeUp returns content of the form that a MIME type asks for, for files that come without
// content. A picture has the size.
func madeUp(mimeType string, width, height int) []byte {
	var b bytes.Buffer
	switch mimeType {
	case "image/jpeg", "image/png", "image/gif":
		paint(&b, mimeType, width, height)
	case "image/webp":
		return webp
	case "application/pdf":
		return []byte("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
	case "application/zip":
		z := zip.NewWriter(&b)
		_, _ = z.Create("made-up.txt") // a Buffer does not fail
		_ = z.Close()
	case "application/x-tgsticker":
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, `{"tgs":1,"v":"5.5.2","fr":60,"ip":0,"op":60,"w":512,"h":512,"layers":[]}`) // a Buffer does not fail
		_ = z.Close()
	case "video/mp4":
		return []byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isommp42\x00\x00\x00\x08mdat")
	case "video/webm":
		return []byte("\x1aE\xdf\xa3\x87B\x82\x84webm")
	case "audio/mpeg":
		return []byte("ID3\x03\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00" + strings.Repeat("\x00", 413))
	case "audio/ogg":
		return []byte("OggS\x00\x02" + strings.Repeat("\x00", 20) + "\x01\x13OpusHead\x01\x01\x00\x00\x80\xbb\x00\x00\x00\x00\x00")
	default:
		return []byte("The content of this file is made up.\n")
	}
	return b.Bytes()
}

// longestSide bounds the pictures that are made up.
const longestSide = 2560

func paint(to io.Writer, mimeType string, width, height int) {
	picture := image.NewPaletted(image.Rect(0, 0, min(max(width, 1), longestSide), min(max(height, 1), longestSide)), color.Palette{color.Gray{128}})
	switch mimeType { // a Buffer does not fail
	case "image/png":
		_ = png.Encode(to, picture)
	case "image/gif":
		_ = gif.Encode(to, picture, nil)
	default:
		_ = jpeg.Encode(to, picture, nil)
	}
}

// fetch makes a file of a URL. The URL is not fetched: the content is made up, and all files
// of one type share it.
func (w *World) fetch(kind, name string) *File {
	mimeType := typeOf(kind, name)
	content, ok := w.fetched[mimeType]
	if !ok {
		content = madeUp(mimeType, 640, 480)
		w.fetched[mimeType] = content
	}
	return w.upload(kind, name, mimeType, content)
}

// bytes returns the content of a file. That of a file which an update told of is made up,
// in the size that the update gave.
func (f *File) bytes() []byte {
	if f.Content != nil {
		return f.Content
	}
	made := madeUp(f.MIME, f.width, f.height)
	if len(made) < f.Size {
		made = append(slices.Clip(made), make([]byte, f.Size-len(made))...)
	}
	return made
}

// kindsByField are the kinds of files by the field that has them. Others are documents.
var kindsByField = map[string]string{
	"photo": "photo", "new_chat_photo": "photo", "cover": "photo", "thumbnail": "thumbnail", "thumb": "thumbnail", "voice": "voice",
	"video": "video", "sticker": "sticker", "audio": "audio", "animation": "animation", "video_note": "video_note",
}

// meetFiles learns of the files in a value that came as JSON, so that the bot can get and
// send them. field is the field that has the value. w.mu is held.
func (w *World) meetFiles(field string, value any) {
	switch v := value.(type) {
	case []any:
		if kindsByField[field] == "photo" {
			w.meetPhoto(v)
			return
		}
		for _, element := range v {
			w.meetFiles(field, element)
		}
	case map[string]any:
		w.meetFile(cmp.Or(kindsByField[field], "document"), v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			w.meetFiles(name, v[name])
		}
		for _, size := range []string{"small", "big"} { // of a ChatPhoto
			w.meetFile("thumbnail", map[string]any{"file_id": v[size+"_file_id"], "file_unique_id": v[size+"_file_unique_id"]})
		}
	}
}

// meetFile registers the file that an object stands for. It returns nil if the object is
// not a file, or if the file is known.
func (w *World) meetFile(kind string, o map[string]any) *File {
	text := func(name string) string { s, _ := o[name].(string); return s }
	number := func(name string) int { n, _ := o[name].(float64); return int(n) }
	info := FileInfo{text("file_id"), text("file_unique_id"), min(max(number("file_size"), 0), 2*maxDownload)}
	if info.ID == "" || info.UniqueID == "" || w.files[info.ID] != nil {
		return nil
	}
	f := &File{
		Kind: kind, FileInfo: info, Name: text("file_name"), MIME: cmp.Or(text("mime_type"), typeOf(kind, text("file_name"))), described: true,
		width: cmp.Or(number("width"), number("length"), 640), height: cmp.Or(number("height"), number("length"), 480), duration: number("duration"),
		title: text("title"), performer: text("performer"), emoji: text("emoji"),
	}
	if video, _ := o["is_video"].(bool); kind == "sticker" && video {
		f.MIME = "video/webm"
	}
	if animated, _ := o["is_animated"].(bool); kind == "sticker" && animated {
		f.MIME = "application/x-tgsticker"
	}
	w.files[info.ID] = f
	return f
}

// meetPhoto registers the sizes of a photo.
func (w *World) meetPhoto(sizes []any) {
	var whole *File
	var all []PhotoSize
	for _, size := range sizes {
		o, _ := size.(map[string]any)
		if f := w.meetFile("photo", o); f != nil {
			all = append(all, PhotoSize{f.FileInfo, frame{f.width, f.height}})
			whole = f
		}
	}
	for _, size := range all {
		whole.sizes = all
		w.files[size.ID] = whole
	}
}
