package world

import (
	"bytes"
	"encoding/json"
	"image"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// content gets and downloads a file.
func (s *stage) content(id string) []byte {
	s.t.Helper()
	var file struct {
		Path string `json:"file_path"`
		Size int    `json:"file_size"`
	}
	answer := s.call("getFile", "file_id", id)
	require.NoError(s.t, json.Unmarshal([]byte(answer), &file), answer)
	content, ok := s.Download(file.Path)
	assert.True(s.t, ok)
	assert.Len(s.t, content, file.Size)
	return content
}

func TestAFileAtAURLHasContentOfItsForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ kind, url, form, name string }{
		{"photo", "https://example.org/a/b.png?c", "image/jpeg", ""},
		{"document", "https://example.org/a/b.pdf?c", "application/pdf", "b.pdf"},
		{"document", "https://example.org/a/b.zip", "application/zip", "b.zip"},
		{"document", "https://example.org/a/b.gif", "image/gif", "b.gif"},
		{"document", "https://example.org/a/b.png", "image/png", "b.png"},
		{"document", "https://example.org/a/b", "text/plain; charset=utf-8", "b"},
		{"video", "https://example.org/a/b.mp4", "video/mp4", "b.mp4"},
		{"animation", "https://example.org/a/b", "video/mp4", "b"},
		{"voice", "https://example.org/a/b", "application/ogg", ""},
		{"audio", "https://example.org/a/b.mp3", "audio/mpeg", "b.mp3"},
		{"sticker", "https://example.org/a/b.webp", "image/webp", ""},
	} {
		t.Run(c.kind+" "+c.url, func(t *testing.T) {
			t.Parallel()
			s := set(t)
			method := "send" + string(c.kind[0]-'a'+'A') + c.kind[1:]
			answer := s.call(method, "chat_id", "zoe", c.kind, c.url)
			m := got(t, answer)
			var id string
			switch {
			case c.kind == "photo":
				id = m.Photo[0].ID
			case m.Voice != nil:
				id = m.Voice.ID
			case m.Audio != nil:
				id = m.Audio.ID
			case m.Video != nil:
				id = m.Video.ID
			case m.Sticker != nil:
				id = m.Sticker.ID
			default:
				id = m.Document.ID
			}
			assert.Equal(t, c.form, http.DetectContentType(s.content(id)))
			if c.name != "" {
				assert.Contains(t, answer, `"file_name":"`+c.name+`"`)
			}
		})
	}
}

func TestTheFilesOfADeliveredUpdateCanBeGotAndSent(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("message", []byte(`{"message_id":70,"date":1795000000,"chat":{"id":77,"type":"private","first_name":"Ada"},"from":{"id":77,"is_bot":false,"first_name":"Ada"},
		"photo":[{"file_id":"small","file_unique_id":"s","width":90,"height":60,"file_size":1000},{"file_id":"large","file_unique_id":"l","width":900,"height":600,"file_size":90000}],
		"reply_to_message":{"message_id":69,"date":1795000000,"chat":{"id":77,"type":"private","first_name":"Ada"},
			"video":{"file_id":"film","file_unique_id":"f","width":10,"height":10,"duration":3,"mime_type":"video/mp4","file_size":5,
				"thumbnail":{"file_id":"thumb","file_unique_id":"t","width":30,"height":20}},
			"sticker":{"file_id":"moving","file_unique_id":"m","type":"regular","width":512,"height":512,"is_animated":true,"is_video":false}}}`))
	photo := s.content("large")
	assert.Len(t, photo, 90000)
	size, form, err := image.DecodeConfig(bytes.NewReader(photo))
	require.NoError(t, err)
	assert.Equal(t, "jpeg 900 600", form+" "+string(marshal(size.Width))+" "+string(marshal(size.Height)))
	assert.Equal(t, "video/mp4", http.DetectContentType(s.content("film")))
	assert.Equal(t, "image/jpeg", http.DetectContentType(s.content("thumb")))
	assert.Equal(t, "application/x-gzip", http.DetectContentType(s.content("moving")))
	again := got(t, s.call("sendPhoto", "chat_id", "zoe", "photo", "small")).Photo
	require.Len(t, again, 2)
	assert.Equal(t, "large", again[1].ID)
	s.expect("400 Bad Request: can't use file of type Video as Photo", s.call("sendPhoto", "chat_id", "zoe", "photo", "film"))
	s.expect("400 Bad Request: can't use file of type Thumbnail as Document", s.call("sendDocument", "chat_id", "zoe", "document", "thumb"))
}

func TestAFileOfADeliveredUpdateThatIsTooLargeCannotBeGot(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.Meet("message", []byte(`{"message_id":70,"document":{"file_id":"big","file_unique_id":"b","file_size":2000000000}}`))
	s.expect("400 Bad Request: file is too big", s.call("getFile", "file_id", "big"))
}

func TestADeliveredUpdateTellsWhoAKnownUserIs(t *testing.T) {
	t.Parallel()
	s := set(t)
	id := string(marshal(s.zoe.ID))
	s.Meet("message", []byte(`{"message_id":70,"date":1795000000,"chat":{"id":`+id+`,"type":"private","first_name":"Z"},
		"from":{"id":`+id+`,"is_bot":false,"first_name":"Z","username":"zoe_n","language_code":"es","is_premium":true},"text":"hi"}`))
	assert.Contains(t, s.call("getChatMember", "chat_id", "team", "user_id", "zoe"),
		`{"id":`+id+`,"is_bot":false,"first_name":"Zoë","last_name":"Núñez","username":"zoe_n","language_code":"es","is_premium":true}`)
	assert.Contains(t, s.call("getChat", "chat_id", "zoe"), `"username":"zoe_n"`)
	s.Meet("message", []byte(`{"message_id":71,"from":{"id":`+id+`,"is_bot":false,"first_name":"Z"}}`))
	assert.Contains(t, s.call("getChat", "chat_id", "zoe"), `"username":"zoe_n"`, "what an update leaves out stays")
}
