package world

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// cats returns the emoji and ids of the stickers of the set.
func (s *stage) cats() (emoji string, ids []string) {
	s.t.Helper()
	var set StickerSet
	answer := s.call("getStickerSet", "name", catSet)
	require.NoError(s.t, json.Unmarshal([]byte(answer), &set), answer)
	var all strings.Builder
	for _, sticker := range set.Stickers {
		all.WriteString(sticker.Emoji)
		ids = append(ids, sticker.ID)
	}
	return all.String(), ids
}

// sticks are the uploads of the tests of sticker sets.
func sticks(t *testing.T) map[string]botapi.File {
	t.Helper()
	return map[string]botapi.File{
		"a": {Content: picture(t, 512, 512)}, "b": {Content: picture(t, 512, 500)}, "png_sticker": {Content: picture(t, 512, 400)},
	}
}

const catSet = "cats_by_sample_bot"

func TestStickerSetsKeepTheirStickers(t *testing.T) {
	t.Parallel()
	s := set(t)
	create := []string{"user_id", "zoe", "name", catSet, "title", "Cats", "stickers", `[{"sticker":"attach://a","format":"static","emoji_list":["😺","😸"]}]`}
	s.expect("true", s.callWith(sticks(t), "createNewStickerSet", create...))
	assert.Regexp(t, `^\{"name":"cats_by_sample_bot","title":"Cats","sticker_type":"regular","stickers":\[\{"width":512,"height":512,"emoji":"😺","set_name":"cats_by_sample_bot","is_animated":false,"is_video":false,"type":"regular",`, s.call("getStickerSet", "name", strings.ToUpper(catSet)))
	s.expect("400 Bad Request: sticker set name is already occupied", s.callWith(sticks(t), "createNewStickerSet", create...))
	s.expect("true", s.callWith(sticks(t), "addStickerToSet", "user_id", "zoe", "name", catSet, "sticker", `{"sticker":"attach://b","format":"static","emoji_list":["🐈"]}`))
	emoji, ids := s.cats()
	assert.Equal(t, "😺🐈", emoji)
	assert.Contains(t, s.call("sendSticker", "chat_id", "zoe", "sticker", ids[1]), `"sticker"`)

	s.play([]act{
		{"setStickerPositionInSet", []string{"sticker", ids[1], "position", "0"}, `true`},
		{"setStickerEmojiList", []string{"sticker", ids[0], "emoji_list", `["🐱"]`}, `true`},
		{"setStickerKeywords", []string{"sticker", ids[0], "keywords", `["cat"]`}, `true`},
		{"setStickerSetTitle", []string{"name", catSet, "title", "Felines"}, `true`},
	})
	emoji, _ = s.cats()
	assert.Equal(t, "🐈🐱", emoji)
	assert.Contains(t, s.call("getStickerSet", "name", catSet), `"title":"Felines"`)
	s.expect("true", s.callWith(sticks(t), "replaceStickerInSet", "user_id", "zoe", "name", catSet, "old_sticker", ids[0], "sticker", `{"sticker":"attach://b","format":"static","emoji_list":["🦁"]}`))
	emoji, _ = s.cats()
	assert.Equal(t, "🐈🦁", emoji)
	s.expect("true", s.call("deleteStickerFromSet", "sticker", ids[1]))
	emoji, _ = s.cats()
	assert.Equal(t, "🦁", emoji)
	s.expect("true", s.call("deleteStickerSet", "name", catSet))
	s.expect("400 Bad Request: STICKERSET_INVALID", s.call("getStickerSet", "name", catSet))
}

func TestStickersAreTakenInTheirOldForm(t *testing.T) {
	t.Parallel()
	s := set(t)
	old := []string{"user_id", "zoe", "name", catSet, "title", "Cats", "emojis", "😺😸", "contains_masks", "true", "mask_position", `{"point":"eyes","x_shift":0,"y_shift":0,"scale":1}`}
	s.expect("true", s.callWith(sticks(t), "createNewStickerSet", old...))
	answer := s.call("getStickerSet", "name", catSet)
	assert.Contains(t, answer, `"sticker_type":"mask"`)
	assert.Contains(t, answer, `"emoji":"😺"`)
	assert.Contains(t, answer, `"mask_position":{"point":"eyes"`)
	s.expect("true", s.callWith(sticks(t), "addStickerToSet", "user_id", "zoe", "name", catSet, "emojis", "🐈"))
	film := map[string]botapi.File{"webm_sticker": {Content: []byte("film")}}
	s.expect("true", s.callWith(film, "addStickerToSet", "user_id", "zoe", "name", catSet, "emojis", "🐅"))
	assert.Contains(t, s.call("getStickerSet", "name", catSet), `"is_video":true`)
	assert.Contains(t, s.callWith(sticks(t), "uploadStickerFile", "user_id", "zoe"), `"file_id"`)
	s.expect("true", s.callWith(map[string]botapi.File{"thumb": {Content: picture(t, 100, 100)}}, "setStickerSetThumbnail", "user_id", "zoe", "name", catSet))
	assert.Contains(t, s.call("getStickerSet", "name", catSet), `"title":"Cats","thumbnail":{"file_id"`)
	s.play([]act{
		{"addStickerToSet", []string{"user_id", "zoe", "name", catSet}, `400 Bad Request: there is no sticker file in the request`},
		{"addStickerToSet", []string{"user_id", "zoe", "name", catSet, "tgs_sticker", "x"}, `400 Bad Request: animated sticker must be uploaded as an InputFile`},
		{"addStickerToSet", []string{"user_id", "zoe", "name", catSet, "webm_sticker", "x"}, `400 Bad Request: video sticker must be uploaded as an InputFile`},
	})
	s.expect(`400 Bad Request: invalid sticker emojis`, s.callWith(sticks(t), "addStickerToSet", "user_id", "zoe", "name", catSet, "emojis", "cat"))
}

func TestStickersAreRefusedAsTelegramRefusesThem(t *testing.T) {
	t.Parallel()
	s := set(t)
	one := func(params ...string) []string {
		return append([]string{"user_id", "zoe", "name", catSet, "title", "Cats", "stickers", `[{"sticker":"attach://a","format":"static","emoji_list":["😺"]}]`}, params...)
	}
	for want, params := range map[string][]string{
		"400 Bad Request: invalid sticker set name is specified":                      one("name", "cats"),
		"400 Bad Request: sticker set title must be non-empty":                        one("title", " "),
		"400 Bad Request: PACK_TITLE_INVALID":                                         one("title", strings.Repeat("x", 65)),
		"400 Bad Request: can't parse stickers JSON object":                           one("stickers", "["),
		"400 Bad Request: expected an Array of InputSticker":                          one("stickers", "{}"),
		"400 Bad Request: STICKERS_EMPTY":                                             one("stickers", "[]"),
		`400 Bad Request: can't parse InputSticker: sticker not found`:                one("stickers", `[{"sticker":"attach://none"}]`),
		`400 Bad Request: can't parse InputSticker: Can't find field "format"`:        one("stickers", `[{"sticker":"attach://a","emoji_list":["😺"]}]`),
		`400 Bad Request: can't parse InputSticker: Invalid sticker format specified`: one("stickers", `[{"sticker":"attach://a","format":"x","emoji_list":["😺"]}]`),
		`400 Bad Request: can't parse InputSticker: emoji list must be non-empty`:     one("stickers", `[{"sticker":"attach://a","format":"static","emoji_list":[]}]`),
		`400 Bad Request: can't parse InputSticker: expected a Unicode emoji`:         one("stickers", `[{"sticker":"attach://a","format":"static","emoji_list":["cat"]}]`),
		`400 Bad Request: can't parse InputSticker: expected an Array of string`:      one("stickers", `[{"sticker":"attach://a","format":"static"}]`),
		"400 Bad Request: unsupported sticker type specified":                         one("sticker_type", "x"),
		"400 Bad Request: too many stickers specified":                                one("stickers", "["+strings.Repeat("1,", 50)+"1]"),
	} {
		s.expect(want, s.callWith(sticks(t), "createNewStickerSet", params...))
	}
	photo := got(t, s.callWith(map[string]botapi.File{"sticker": {Content: picture(t, 10, 10)}}, "sendSticker", "chat_id", "zoe")).Sticker.ID
	s.play([]act{
		{"getStickerSet", []string{"name", "none"}, `400 Bad Request: STICKERSET_INVALID`},
		{"deleteStickerSet", []string{"name", "none"}, `400 Bad Request: STICKERSET_INVALID`},
		{"setStickerSetTitle", []string{"name", "none", "title", "x"}, `400 Bad Request: STICKERSET_INVALID`},
		{"setStickerSetThumbnail", []string{"name", "none", "user_id", "zoe", "format", "static"}, `400 Bad Request: STICKERSET_INVALID`},
		{"setCustomEmojiStickerSetThumbnail", []string{"name", "none"}, `400 Bad Request: STICKERSET_INVALID`},
		{"setChatStickerSet", []string{"chat_id", "team", "sticker_set_name", "none"}, `400 Bad Request: STICKERSET_INVALID`},
		{"deleteStickerFromSet", []string{"sticker", photo}, `400 Bad Request: STICKER_INVALID`},
		{"deleteStickerFromSet", []string{}, `400 Bad Request: sticker is not specified`},
		{"deleteStickerFromSet", []string{"sticker", "AAAA"}, `400 Bad Request: wrong remote file identifier specified: can't unserialize it. Wrong last symbol`},
		{"getCustomEmojiStickers", []string{"custom_emoji_ids", `["5"]`}, `[]`},
		{"getCustomEmojiStickers", []string{"custom_emoji_ids", `[5]`}, `400 Bad Request: custom emoji identifier must be of type String`},
	})
}

func TestACustomEmojiIsFoundByItsID(t *testing.T) {
	t.Parallel()
	s := set(t)
	s.expect("true", s.callWith(sticks(t), "createNewStickerSet", "user_id", "zoe", "name", catSet, "title", "Cats", "sticker_type", "custom_emoji",
		"stickers", `[{"sticker":"attach://a","format":"static","emoji_list":["😺"]}]`))
	var set StickerSet
	require.NoError(t, json.Unmarshal([]byte(s.call("getStickerSet", "name", catSet)), &set))
	id := set.Stickers[0].CustomID
	require.NotEmpty(t, id)
	assert.Contains(t, s.call("getCustomEmojiStickers", "custom_emoji_ids", `["`+id+`"]`), `"custom_emoji_id":"`+id+`"`)
	s.expect("true", s.call("setCustomEmojiStickerSetThumbnail", "name", catSet, "custom_emoji_id", id))
	assert.Contains(t, s.call("getStickerSet", "name", catSet), `"thumbnail"`)
}
