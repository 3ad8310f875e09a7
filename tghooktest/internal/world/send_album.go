package world

import (
	"encoding/json"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// inputMedias reads the parameter media, an array.
func (w *World) inputMedias(p botapi.Params) ([]Content, error) {
	text, err := required(p, "media")
	if err != nil {
		return nil, err
	}
	if !json.Valid([]byte(text)) {
		return nil, refusal("Can't parse media JSON object")
	}
	list, ok := parseArray([]byte(text))
	if !ok {
		return nil, refusal("Expected an Array of InputMedia")
	}
	contents := make([]Content, 0, len(list))
	for _, raw := range list {
		c, err := w.inputMedia(p, raw, true)
		if err != nil {
			return nil, err
		}
		contents = append(contents, c)
	}
	return contents, nil
}

func (w *World) sendMediaGroup(p botapi.Params) (any, error) {
	contents, err := w.inputMedias(p)
	if err == nil {
		err = checkAlbum(contents)
	}
	if err != nil {
		return nil, err
	}
	l, err := w.address(p)
	if err == nil {
		err = w.sendable(l.chat, contents...)
	}
	if err != nil {
		return nil, err
	}
	if len(contents) > 1 { // a single one is not an album
		l.message.AlbumID = w.next("album")
	}
	album := make([]*Message, 0, len(contents))
	for _, c := range contents {
		album = append(album, w.send(l, c))
	}
	return album, nil
}

func checkAlbum(contents []Content) error {
	switch n := len(contents); {
	case n == 0:
		return refusal("There are no messages to send")
	case n > 10:
		return refusal("Too many messages to send as an album")
	}
	for _, c := range contents {
		for _, other := range contents {
			switch {
			case c.Audio != nil && other.Audio == nil:
				return refusal("Audio can't be mixed with other media types")
			case c.Document != nil && other.Document == nil:
				return refusal("Document can't be mixed with other media types")
			}
		}
	}
	return nil
}
