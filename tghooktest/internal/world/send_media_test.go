package world

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// picture returns a PNG of that size.
func picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, width, height))))
	return b.Bytes()
}

// got is a Message that a call returned.
func got(t *testing.T, answer string) Message {
	t.Helper()
	var m Message
	require.NoError(t, json.Unmarshal([]byte(answer), &m), answer)
	return m
}

func TestAPhotoHasItsSizesAndCanBeDownloaded(t *testing.T) {
	t.Parallel()
	s := set(t)
	content := picture(t, 1000, 500)
	upload := map[string]botapi.File{"photo": {Name: "a.png", Content: content}}
	m := got(t, s.callWith(upload, "sendPhoto", "chat_id", "zoe", "caption", "*hi* /go", "parse_mode", "Markdown", "has_spoiler", "true", "show_caption_above_media", "true"))
	assert.Equal(t, "hi /go", m.Caption)
	assert.Len(t, m.CaptionEnts, 2)
	assert.True(t, m.CaptionTop)
	assert.True(t, m.Spoiler)
	sides := make([]string, 0, len(m.Photo))
	ids := map[string]bool{}
	for _, size := range m.Photo {
		sides = append(sides, fmt.Sprintf("%dx%d", size.Width, size.Height))
		ids[size.ID], ids[size.UniqueID] = true, true
		assert.Equal(t, len(content), size.Size)
	}
	assert.Equal(t, []string{"90x45", "320x160", "800x400", "1000x500"}, sides)
	assert.Len(t, ids, 8, "each size is a file of its own")

	large := m.Photo[3]
	s.expect(fmt.Sprintf(`{"file_id":%q,"file_unique_id":%q,"file_size":%d,"file_path":"photos/file_0.png"}`, large.ID, large.UniqueID, len(content)),
		s.call("getFile", "file_id", large.ID))
	downloaded, ok := s.Download("photos/file_0.png")
	assert.True(t, ok)
	assert.Equal(t, content, downloaded)
	_, ok = s.Download("photos/file_1.jpg")
	assert.False(t, ok)
	second := got(t, s.callWith(map[string]botapi.File{"photo": {Content: picture(t, 10, 10)}}, "sendPhoto", "chat_id", "zoe"))
	assert.Contains(t, s.call("getFile", "file_id", second.Photo[0].ID), `"file_path":"photos/file_1.jpg"`)

	again := got(t, s.call("sendPhoto", "chat_id", "team", "photo", m.Photo[0].ID))
	assert.Equal(t, m.Photo, again.Photo, "what is sent by its file_id is the same file")
	assert.Empty(t, again.Caption)
}

func TestEachKindOfFileIsSentInItsField(t *testing.T) {
	t.Parallel()
	s := set(t)
	for _, c := range []struct {
		method, field, name string
		params              []string
		want                string
	}{
		{"sendDocument", "document", "a.pdf", nil, `"document":{"file_name":"a.pdf","mime_type":"application/pdf",FILE}`},
		{"sendDocument", "document", "a", nil, `"document":{"file_name":"a","mime_type":"text/plain",FILE}`},
		{"sendVideo", "video", "a.mp4", []string{"duration", "3", "width", "20", "height", "10"}, `"video":{"duration":3,"width":20,"height":10,"file_name":"a.mp4","mime_type":"video/mp4",FILE}`},
		{"sendAudio", "audio", "a.mp3", []string{"duration", "3", "title", "T", "performer", "P"}, `"audio":{"duration":3,"file_name":"a.mp3","mime_type":"audio/mpeg","title":"T","performer":"P",FILE}`},
		{"sendVoice", "voice", "a.ogg", []string{"duration", "3"}, `"voice":{"duration":3,"mime_type":"audio/ogg",FILE}`},
		{"sendVideoNote", "video_note", "a.mp4", []string{"length", "240"}, `"video_note":{"duration":0,"length":240,FILE}`},
		{"sendSticker", "sticker", "a.webp", []string{"emoji", "👍"}, `"sticker":{"width":640,"height":480,"emoji":"👍","is_animated":false,"is_video":false,"type":"regular",FILE}`},
		{
			"sendAnimation", "animation", "a.gif",
			[]string{"caption", "hi"},
			`"animation":{"file_name":"a.gif","mime_type":"image/gif","duration":0,"width":640,"height":480,FILE},"document":{"file_name":"a.gif","mime_type":"image/gif",FILE},"caption":"hi"`,
		},
	} {
		upload := map[string]botapi.File{"part": {Name: c.name, ContentType: "application/octet-stream", Content: []byte("abc")}}
		answer := s.callWith(upload, c.method, append(c.params, "chat_id", "zoe", c.field, "attach://part")...)
		var m map[string]json.RawMessage
		require.NoError(t, json.Unmarshal([]byte(answer), &m), answer)
		var info FileInfo
		require.NoError(t, json.Unmarshal(m[c.field], &info))
		file := fmt.Sprintf(`"file_id":%q,"file_unique_id":%q,"file_size":3`, info.ID, info.UniqueID)
		assert.Contains(t, answer, `"date":1795000000,`+strings.ReplaceAll(c.want, "FILE", file)+"}", c.method)

		again := s.call("sendDocument", "chat_id", "zoe", "document", info.ID)
		assert.Contains(t, again, strings.ReplaceAll(strings.Split(c.want, `,"caption"`)[0], "FILE", file), "a file stays what it is")
	}
}

func TestAThumbnailIsOneThatWasUploaded(t *testing.T) {
	t.Parallel()
	s := set(t)
	files := map[string]botapi.File{"document": {Name: "a.txt", Content: []byte("abc")}, "thumbnail": {Content: picture(t, 20, 10)}}
	m := got(t, s.callWith(files, "sendDocument", "chat_id", "zoe"))
	require.NotNil(t, m.Document.Thumbnail)
	assert.Equal(t, 20, m.Document.Thumbnail.Width)
	assert.Equal(t, m.Document.Thumbnail, m.Document.Thumb)
	assert.Contains(t, s.call("getFile", "file_id", m.Document.Thumbnail.ID), `"file_path":"thumbnails/file_0.jpg"`)
	assert.Contains(t, s.call("getFile", "file_id", m.Document.Thumbnail.ID), `"file_path":"thumbnails/file_0.jpg"`, "a path stays")
	s.expect("400 Bad Request: can't use file of type Thumbnail as Photo", s.call("sendPhoto", "chat_id", "zoe", "photo", m.Document.Thumbnail.ID))
	s.expect("400 Bad Request: can't use file of type Thumbnail as Document", s.call("sendDocument", "chat_id", "zoe", "document", m.Document.Thumbnail.ID))
}

func TestFilesAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	document := got(t, s.callWith(map[string]botapi.File{"document": {Content: []byte("abc")}}, "sendDocument", "chat_id", "zoe")).Document.ID
	photo := got(t, s.callWith(map[string]botapi.File{"photo": {Content: picture(t, 10, 10)}}, "sendPhoto", "chat_id", "zoe")).Photo[0].ID
	s.expect(`400 Bad Request: IMAGE_PROCESS_FAILED`, s.callWith(map[string]botapi.File{"photo": {Name: "a.png", Content: []byte("abc")}}, "sendPhoto", "chat_id", "zoe"))
	foreign := New(Config{Seed: 9}).fileInfo(&File{Kind: "document"}).ID
	s.play([]act{
		{"sendPhoto", []string{"chat_id", "zoe"}, `400 Bad Request: there is no photo in the request`},
		{"sendVideoNote", []string{"chat_id", "zoe"}, `400 Bad Request: there is no video note in the request`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", "attach://none"}, `400 Bad Request: there is no photo in the request`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", "no id"}, `400 Bad Request: wrong remote file identifier specified: Wrong character in the string`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", "AAAAA"}, `400 Bad Request: wrong remote file identifier specified: Wrong string length`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", "AAAA"}, `400 Bad Request: wrong remote file identifier specified: can't unserialize it. Wrong last symbol`},
		{"sendDocument", []string{"chat_id", "zoe", "document", foreign}, `400 Bad Request: wrong file identifier/HTTP URL specified`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", "ftp://example.org/a"}, `400 Bad Request: wrong HTTP URL specified`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", document}, `400 Bad Request: can't use file of type Document as Photo`},
		{"sendVoice", []string{"chat_id", "zoe", "voice", photo}, `400 Bad Request: can't use file of type Photo as VoiceNote`},
		{"sendPhoto", []string{"chat_id", "zoe", "photo", photo, "caption", strings.Repeat("x", 1025)}, `400 Bad Request: message caption is too long`},
		{"getFile", nil, `400 Bad Request: file_id not specified`},
		{"getFile", []string{"file_id", "x"}, `400 Bad Request: invalid file_id`},
	})
	big := got(t, s.callWith(map[string]botapi.File{"document": {Content: make([]byte, 20<<20+1)}}, "sendDocument", "chat_id", "zoe")).Document.ID
	s.expect(`400 Bad Request: file is too big`, s.call("getFile", "file_id", big))
	s.expect(`400 Bad Request: file must be non-empty`, s.callWith(map[string]botapi.File{"document": {}}, "sendDocument", "chat_id", "zoe"))
	s.expect(`400 Bad Request: file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes`,
		s.callWith(map[string]botapi.File{"photo": {Content: make([]byte, 10<<20+1)}}, "sendPhoto", "chat_id", "zoe"))
}

func TestAnAlbumOfTheBotIsMessagesOfOneGroup(t *testing.T) {
	t.Parallel()
	s := set(t)
	files := map[string]botapi.File{"a": {Content: picture(t, 10, 10)}, "b": {Name: "b.mp4", Content: []byte("b")}}
	var album []Message
	require.NoError(t, json.Unmarshal([]byte(s.callWith(files, "sendMediaGroup", "chat_id", "zoe", "reply_to_message_id", "1", "media",
		`[{"type":"photo","media":"attach://a","caption":"<b>A</b>","parse_mode":"HTML"},{"type":"video","media":"attach://b","width":7,"has_spoiler":true}]`)), &album))
	require.Len(t, album, 2)
	assert.NotEmpty(t, album[0].AlbumID)
	assert.Equal(t, album[0].AlbumID, album[1].AlbumID)
	assert.Equal(t, []string{"A", ""}, []string{album[0].Caption, album[1].Caption})
	assert.Equal(t, "bold", album[0].CaptionEnts[0].Type)
	assert.Equal(t, 7, album[1].Video.Width)
	assert.True(t, album[1].Spoiler)
	assert.Equal(t, []int64{2, 3, 1, 1}, []int64{album[0].ID, album[1].ID, album[0].ReplyTo.ID, album[1].ReplyTo.ID})

	assert.NotContains(t, s.call("sendMediaGroup", "chat_id", "zoe", "media", `[{"type":"photo","media":"https://example.org/x.jpg"}]`),
		"media_group_id", "one is no album")
}

func TestPaidMediaIsOneMessage(t *testing.T) {
	t.Parallel()
	s := set(t)
	answer := s.call("sendPaidMedia", "chat_id", "zoe", "star_count", "5", "caption", "C", "media", `[{"type":"photo","media":"http://a.b/c"},{"type":"video","media":"http://a.b/d.mp4"}]`)
	assert.Contains(t, answer, `"caption":"C"`)
	assert.Contains(t, answer, `"paid_media":{"star_count":5,"paid_media":[{"type":"photo","photo":[{"file_id":`)
	assert.Contains(t, answer, `{"type":"video","video":{"duration":0,`)
}

func TestAlbumsAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	for media, want := range map[string]string{
		``:                   `parameter "media" is required`,
		`{`:                  `can't parse media JSON object`,
		`{}`:                 `expected an Array of InputMedia`,
		`[]`:                 `there are no messages to send`,
		`[1]`:                `can't parse InputMedia: expected an Object`,
		`[{}]`:               `can't parse InputMedia: Can't find field "type"`,
		`[{"type":"photo"}]`: `can't parse InputMedia: media not found`,
		`[{"type":"photo","media":"attach://x"}]`:                                                                         `can't parse InputMedia: media not found`,
		`[{"type":"animation","media":"http://a.b/c"}]`:                                                                   `can't parse InputMedia: type "animation" can't be used in sendMediaGroup`,
		`[{"type":"poem","media":"http://a.b/c"}]`:                                                                        `can't parse InputMedia: type "poem" is unsupported`,
		`[{"type":"photo","media":"AAAA"}]`:                                                                               `wrong remote file identifier specified: can't unserialize it. Wrong last symbol`,
		`[{"type":"photo","media":"http://a.b/c"},{"type":"audio","media":"http://a.b/c"}]`:                               `audio can't be mixed with other media types`,
		`[{"type":"document","media":"http://a.b/c"},{"type":"photo","media":"http://a.b/c"}]`:                            `document can't be mixed with other media types`,
		`[` + strings.Repeat(`{"type":"photo","media":"http://a.b/c"},`, 10) + `{"type":"photo","media":"http://a.b/c"}]`: `too many messages to send as an album`,
	} {
		assert.Equal(t, "400 Bad Request: "+want, s.call("sendMediaGroup", "chat_id", "zoe", "media", media), media)
	}
}

func TestAStickerIsUploadedForLater(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect(`400 Bad Request: there is no sticker file in the request`, s.call("uploadStickerFile", "user_id", "zoe"))
	answer := s.callWith(map[string]botapi.File{"sticker": {Name: "a.webp", Content: []byte("abc")}}, "uploadStickerFile", "user_id", "zoe", "sticker_format", "static")
	var info FileInfo
	require.NoError(t, json.Unmarshal([]byte(answer), &info))
	assert.Equal(t, info.ID, got(t, s.call("sendSticker", "chat_id", "zoe", "sticker", info.ID)).Sticker.ID)
}
