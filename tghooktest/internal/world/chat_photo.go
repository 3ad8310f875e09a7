package world

import "github.com/tghook/tghook/tghooktest/internal/botapi"

// ChatPhoto is the picture of a chat.
type ChatPhoto struct {
	SmallID     string `json:"small_file_id"`
	SmallUnique string `json:"small_file_unique_id"`
	BigID       string `json:"big_file_id"`
	BigUnique   string `json:"big_file_unique_id"`
}

// setChatPhoto sets a picture that came with the call. As in Telegram, a file_id cannot be
// one.
func (w *World) setChatPhoto(p botapi.Params) (any, error) {
	uploaded, ok := p.File("photo")
	switch {
	case !ok && p.String("photo") == "":
		return nil, refusal("There is no photo in the request")
	case !ok:
		return nil, refusal("Photo must be uploaded as an InputFile")
	}
	c, err := w.managed(p, toSetPhoto)
	if err != nil {
		return nil, err
	}
	f, err := w.uploaded("photo", uploaded)
	if err != nil {
		return nil, err
	}
	small, big := f.sizes[0], f.sizes[len(f.sizes)-1]
	c.photo = &ChatPhoto{small.ID, small.UniqueID, big.ID, big.UniqueID}
	w.noteChat(c)
	w.notice(c, Content{NewPhoto: f.sizes})
	return true, nil
}

func (w *World) deleteChatPhoto(p botapi.Params) (any, error) {
	c, err := w.managed(p, toSetPhoto)
	switch {
	case err != nil:
		return nil, err
	case c.photo == nil:
		return nil, refusal("CHAT_NOT_MODIFIED")
	}
	c.photo = nil
	w.noteChat(c)
	w.notice(c, Content{NoPhoto: true})
	return true, nil
}
