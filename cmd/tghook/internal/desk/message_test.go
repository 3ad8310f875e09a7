package desk_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// picture returns a PNG.
func picture(tb testing.TB, shade uint8) []byte {
	tb.Helper()
	img := image.NewGray(image.Rect(0, 0, 40, 30))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{Y: shade}.Y
	}
	var b bytes.Buffer
	require.NoError(tb, png.Encode(&b, img))
	return b.Bytes()
}

func TestUserAndBotWriteToEachOther(t *testing.T) {
	r := start(t)
	r.webhook(func(update object) any {
		message := update["message"].(object)
		return object{"method": "sendMessage", "chat_id": message["chat"].(object)["id"], "text": "You said " + message["text"].(string)}
	})
	r.say("hi")
	said := r.post("/api/bots/123456/wait", object{"chat": r.you, "text": "You said hi"})
	require.Equal(t, true, said["message"].(object)["x"].(object)["from_bot"])
	require.Equal(t, "reply", said["message"].(object)["x"].(object)["via"])

	page := r.get(r.chat() + "/messages").(object)
	require.Equal(t, false, page["more"])
	messages := page["messages"].([]any)
	require.Len(t, messages, 2)
	require.Equal(t, "hi", messages[0].(object)["text"])
	require.Equal(t, "user", messages[0].(object)["x"].(object)["via"])
	require.Equal(t, "reply", messages[1].(object)["x"].(object)["via"])
	row := r.get("/api/rows/" + messages[1].(object)["x"].(object)["row"].(string)).(object)
	require.Equal(t, "sendMessage", row["method"])

	chats := r.get("/api/bots/123456/chats").([]any)
	require.Len(t, chats, 1)
	require.Equal(t, "You said hi", chats[0].(object)["last_message"].(object)["text"])
	require.Equal(t, "Stand-in Bot", chats[0].(object)["title"])
	require.LessOrEqual(t, chats[0].(object)["last_seq"], r.get("/api/state").(object)["seq"])
}

func TestMessagesComeInPages(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	ids := make([]int64, 0, 7)
	for i := range 7 {
		ids = append(ids, r.say(strconv.Itoa(i)))
	}
	texts := func(query string) (all []string, more bool) {
		page := r.get(r.chat() + "/messages?" + query).(object)
		for _, m := range page["messages"].([]any) {
			all = append(all, m.(object)["text"].(string))
		}
		return all, page["more"].(bool)
	}
	for query, want := range map[string][]string{
		"limit=3":                                {"4", "5", "6"},
		fmt.Sprintf("limit=3&before=%d", ids[3]): {"0", "1", "2"},
		fmt.Sprintf("limit=3&before=%d", ids[5]): {"2", "3", "4"},
		fmt.Sprintf("limit=3&after=%d", ids[1]):  {"2", "3", "4"},
		fmt.Sprintf("after=%d", ids[4]):          {"5", "6"},
	} {
		got, more := texts(query)
		require.Equal(t, want, got, query)
		require.Equal(t, query == "limit=3" || got[0] == "2", more, query)
	}
	for _, wrong := range []string{"limit=0", "limit=201", "limit=x", "before=y"} {
		r.refused(http.MethodGet, r.chat()+"/messages?"+wrong, nil, http.StatusBadRequest, "invalid_request")
	}
}

func TestEveryKindOfMessageIsSent(t *testing.T) {
	r := start(t)
	updates := make([]object, 0, 15)
	got := make(chan object, 100)
	r.webhook(func(update object) any { got <- update["message"].(object); return nil })
	photo := file{"photo.png", picture(t, 10)}
	for name, test := range map[string]struct {
		body  any
		field string
	}{
		"text":            {object{"text": "hi"}, "text"},
		"photo":           {form{map[string]string{"caption": "look"}, []file{photo}}, "photo"},
		"document":        {form{map[string]string{"caption": "read"}, []file{{"notes.txt", []byte("hello")}}}, "document"},
		"photo as a file": {form{map[string]string{"kind": "document"}, []file{photo}}, "document"},
		"video":           {form{map[string]string{"kind": "video", "duration": "3s"}, []file{{"a.mp4", []byte("mp4")}}}, "video"},
		"animation":       {form{map[string]string{"kind": "animation"}, []file{{"a.mp4", []byte("mp4")}}}, "animation"},
		"audio":           {form{map[string]string{"kind": "audio", "duration": "1m"}, []file{{"a.mp3", []byte("mp3")}}}, "audio"},
		"voice":           {form{map[string]string{"kind": "voice", "duration": "2s"}, []file{{"a.ogg", []byte("ogg")}}}, "voice"},
		"video note":      {form{map[string]string{"kind": "video_note", "duration": "2s"}, []file{{"a.mp4", []byte("mp4")}}}, "video_note"},
		"sticker":         {form{map[string]string{"kind": "sticker", "emoji": "👍"}, []file{{"a.webp", []byte("webp")}}}, "sticker"},
		"location":        {object{"latitude": 52.5, "longitude": 13.4}, "location"},
		"venue":           {object{"kind": "venue", "name": "Café", "address": "1 Street", "latitude": 52.5, "longitude": 13.4}, "venue"},
		"contact":         {object{"phone": "+49301234567"}, "contact"},
		"poll":            {object{"question": "Well?", "options": []string{"Yes", "No"}}, "poll"},
		"dice":            {object{"kind": "dice", "emoji": "🎯"}, "dice"},
	} {
		sent := r.post(r.chat()+"/messages", test.body)["messages"].([]any)
		require.Len(t, sent, 1, name)
		require.Contains(t, sent[0], test.field, name)
		message := <-got
		require.Contains(t, message, test.field, name)
		updates = append(updates, message)
	}
	require.Len(t, updates, 15)
}

func TestAlbumHasItsFilesInOneGroup(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	sent := r.post(r.chat()+"/messages", form{map[string]string{"caption": "two"}, []file{{"a.png", picture(t, 1)}, {"b.png", picture(t, 2)}}})
	messages := sent["messages"].([]any)
	require.Len(t, messages, 2)
	require.Equal(t, "two", messages[0].(object)["caption"])
	require.NotEmpty(t, messages[0].(object)["media_group_id"])
	require.Equal(t, messages[0].(object)["media_group_id"], messages[1].(object)["media_group_id"])
}

func TestMessageRepliesAndIsEditedForwardedAndDeleted(t *testing.T) {
	r := start(t)
	got := make(chan object, 10)
	r.webhook(func(update object) any { got <- update; return nil })
	first := r.say("one")
	<-got
	reply := r.post(r.chat()+"/messages", object{"text": "two", "reply_to": first})["messages"].([]any)[0].(object)
	require.InEpsilon(t, first, reply["reply_to_message"].(object)["message_id"], 0)
	require.Contains(t, (<-got)["message"], "reply_to_message")

	edited := r.ask(http.MethodPatch, fmt.Sprintf("%s/messages/%d", r.chat(), first), object{"text": "uno"}).(object)
	require.Equal(t, "uno", edited["text"])
	require.Equal(t, true, edited["x"].(object)["edited"])
	require.Equal(t, "uno", (<-got)["edited_message"].(object)["text"])

	forwarded := r.post(fmt.Sprintf("%s/messages/%d/forward", r.chat(), first), object{"to_chat": r.you})["messages"].([]any)
	require.Contains(t, forwarded[0], "forward_origin")
	<-got

	r.ask(http.MethodDelete, fmt.Sprintf("%s/messages/%d", r.chat(), first), nil)
	messages := r.get(r.chat() + "/messages").(object)["messages"].([]any)
	require.Equal(t, true, messages[0].(object)["x"].(object)["deleted"])
	r.refused(http.MethodDelete, fmt.Sprintf("%s/messages/%d", r.chat(), first), nil, http.StatusNotFound, "message_not_found")
}

func TestReactionsAndVotesAreCounted(t *testing.T) {
	r := start(t)
	r.webhook(func(object) any { return nil })
	m := r.say("like me")
	path := fmt.Sprintf("%s/messages/%d", r.chat(), m)
	r.post(path+"/reactions", object{"emoji": []string{"👍"}})
	x := r.get(r.chat() + "/messages").(object)["messages"].([]any)[0].(object)["x"].(object)
	require.Equal(t, []any{object{"emoji": "👍", "count": 1.0, "users": []any{float64(r.you)}}}, x["reactions"])
	r.post(path+"/reactions", object{"emoji": []string{}})
	x = r.get(r.chat() + "/messages").(object)["messages"].([]any)[0].(object)["x"].(object)
	require.Empty(t, x["reactions"])

	poll := id(r.call("sendPoll", object{"chat_id": r.you, "question": "Well?", "options": []object{{"text": "Yes"}, {"text": "No"}}, "is_anonymous": false}))
	path = fmt.Sprintf("%s/messages/%d", r.chat(), poll)
	r.post(path+"/vote", object{"options": []any{1}})
	messages := r.get(r.chat() + "/messages").(object)["messages"].([]any)
	require.Equal(t, []any{object{"user": float64(r.you), "options": []any{1.0}}}, messages[1].(object)["x"].(object)["voters"])
	r.post(path+"/vote", object{"options": []any{}})
	r.post(path+"/vote", object{"options": []any{"Yes"}})
	require.Contains(t, r.refused(http.MethodPost, path+"/vote", object{"options": []any{2}}, http.StatusUnprocessableEntity, "impossible"), "it has 2, counted from 0")
}

func TestFileIsADownloadThatRunsNothing(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	const page = "<!DOCTYPE html><script>alert(1)</script>"
	fetch := func(path string) (http.Header, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.desk.URL()+path, nil)
		require.NoError(t, err)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer func() { _ = res.Body.Close() }()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return res.Header, string(body)
	}
	sent := r.post(r.chat()+"/messages", form{nil, []file{{`../"x".html`, []byte(page)}}})
	document := sent["messages"].([]any)[0].(object)["document"].(object)["file_id"].(string)
	for _, query := range []string{"", "?inline=1"} {
		header, body := fetch("/api/bots/123456/files/" + document + query)
		require.Equal(t, page, body)
		require.Equal(t, "nosniff", header.Get("X-Content-Type-Options"))
		require.Equal(t, "default-src 'none'; sandbox", header.Get("Content-Security-Policy"))
		require.Regexp(t, `^attachment`, header.Get("Content-Disposition"))
		require.NotContains(t, header.Get("Content-Disposition"), "..")
	}
	sent = r.post(r.chat()+"/messages", form{nil, []file{{"p.png", picture(t, 3)}}})
	sizes := sent["messages"].([]any)[0].(object)["photo"].([]any)
	photo := sizes[len(sizes)-1].(object)["file_id"].(string)
	header, body := fetch("/api/bots/123456/files/" + photo + "?inline=1")
	require.Equal(t, string(picture(t, 3)), body)
	require.Equal(t, "image/png", header.Get("Content-Type"))
	require.Regexp(t, `^inline`, header.Get("Content-Disposition"))
	header, _ = fetch("/api/bots/123456/files/" + photo)
	require.Regexp(t, `^attachment`, header.Get("Content-Disposition"))

	svg := form{map[string]string{"kind": "document"}, []file{{"x.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`)}}}
	vector := r.post(r.chat()+"/messages", svg)["messages"].([]any)[0].(object)["document"].(object)["file_id"].(string)
	header, _ = fetch("/api/bots/123456/files/" + vector + "?inline=1")
	require.Regexp(t, `^attachment`, header.Get("Content-Disposition"))
	r.refused(http.MethodGet, "/api/bots/123456/files/nothing", nil, http.StatusNotFound, "file_not_found")
}

func TestSendSaysWhatIsWrong(t *testing.T) {
	r := start(t)
	r.call("getMe", nil)
	for want, body := range map[string]any{
		"text is empty":        object{},
		`the field "txt"`:      object{"txt": "hi"},
		"text is a number":     object{"text": 5},
		"needs a file":         object{"kind": "photo"},
		"has no file":          form{map[string]string{"kind": "text", "text": "x"}, []file{{"a", []byte("a")}}},
		"has one file":         form{map[string]string{"kind": "photo"}, []file{{"a", []byte("a")}, {"b", []byte("b")}}},
		"duration is not JSON": nil,
		`the field duration is a string "long"; it must be a length of time`: object{"text": "x", "duration": "long"},
		"the field duration is a value 3; it must be a length of time":       object{"text": "x", "duration": 3},
		"neither an id nor a": object{"text": "x", "as": []int{1}},
		"the field latitude":  form{map[string]string{"latitude": "north"}, nil},
	} {
		if body == nil {
			continue
		}
		require.Contains(t, r.refused(http.MethodPost, r.chat()+"/messages", body, http.StatusBadRequest, "invalid_request"), want)
	}
	require.Contains(t, r.refused(http.MethodPost, r.chat()+"/messages", object{"kind": "hologram"}, http.StatusUnprocessableEntity, "impossible"), `"hologram"; it must be one of text, photo, `)
	r.refused(http.MethodPost, "/api/bots/123456/chats/77/messages", object{"text": "x"}, http.StatusNotFound, "user_not_found")
	r.refused(http.MethodPost, "/api/bots/123456/chats/-77/messages", object{"text": "x"}, http.StatusNotFound, "chat_not_found")
	r.refused(http.MethodPost, "/api/bots/99/chats/1/messages", object{"text": "x"}, http.StatusNotFound, "bot_not_found")
	r.refused(http.MethodPost, r.chat()+"/messages", object{"text": "x", "as": "nobody"}, http.StatusNotFound, "user_not_found")
	r.refused(http.MethodPost, r.chat()+"/messages", object{"text": "x", "reply_to": 5}, http.StatusNotFound, "message_not_found")
	r.refused(http.MethodPost, r.chat()+"/messages", object{"text": "x", "thread": 5}, http.StatusNotFound, "chat_not_found")
}
