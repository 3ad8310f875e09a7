package world

import (
	"encoding/json"
	"unicode/utf8"

	"github.com/tghook/tghook/tghooktest/internal/botapi"
)

// Limits of a rich message. Telegram's own servers check them.
const (
	maxRichText   = 32768           // in characters, without marks
	maxRichSource = 4 * maxRichText // in bytes
	maxRichBlocks = 500             // outermost ones
	maxRichMedia  = 50
	maxRichDepth  = 100 // how deep blocks and marks are read
)

// richBlock is a RichBlock. The fields are those of all types of block.
type richBlock struct {
	Type       string            `json:"type"`
	Text       richText          `json:"text,omitempty"`
	Size       int64             `json:"size,omitempty"`
	Language   string            `json:"language,omitempty"`
	Expression string            `json:"expression,omitempty"`
	Name       string            `json:"name,omitempty"`
	Items      []richItem        `json:"items,omitempty"`
	Summary    richText          `json:"summary,omitempty"`
	Blocks     []richBlock       `json:"blocks,omitempty"`
	Credit     richText          `json:"credit,omitempty"`
	Open       bool              `json:"is_open,omitempty"`
	Cells      [][]richCell      `json:"cells,omitempty"`
	Bordered   bool              `json:"is_bordered,omitempty"`
	Striped    bool              `json:"is_striped,omitempty"`
	Compact    bool              `json:"is_compact,omitempty"`
	Location   json.RawMessage   `json:"location,omitempty"`
	Zoom       int64             `json:"zoom,omitempty"`
	Width      int64             `json:"width,omitempty"`
	Height     int64             `json:"height,omitempty"`
	Buttons    []json.RawMessage `json:"buttons,omitempty"`
	Align      string            `json:"align,omitempty"`
	Photo      []PhotoSize       `json:"photo,omitempty"`
	Video      *Video            `json:"video,omitempty"`
	Animation  *Animation        `json:"animation,omitempty"`
	Audio      *Audio            `json:"audio,omitempty"`
	Document   *Document         `json:"document,omitempty"`
	Voice      *Voice            `json:"voice_note,omitempty"`
	Spoiler    bool              `json:"has_spoiler,omitempty"`
	Caption    *richCaption      `json:"caption,omitempty"`
}

// richItem is a RichBlockListItem.
type richItem struct {
	Label    string      `json:"label"`
	Blocks   []richBlock `json:"blocks"`
	Checkbox bool        `json:"has_checkbox,omitempty"`
	Checked  bool        `json:"is_checked,omitempty"`
	Value    int64       `json:"value,omitempty"`
	Type     string      `json:"type,omitempty"`
}

// richCell is a RichBlockTableCell.
type richCell struct {
	Text    richText `json:"text,omitempty"`
	Header  bool     `json:"is_header,omitempty"`
	Columns int64    `json:"colspan,omitempty"`
	Rows    int64    `json:"rowspan,omitempty"`
	Align   string   `json:"align"`
	VAlign  string   `json:"valign"`
}

// richCaption is a RichBlockCaption, or the caption of a table, which is only a text.
type richCaption struct {
	text, credit richText
	bare         bool
}

// MarshalJSON writes the caption.
func (c *richCaption) MarshalJSON() ([]byte, error) {
	if c.bare {
		return c.text.MarshalJSON()
	}
	return marshal(struct {
		Text   richText `json:"text"`
		Credit richText `json:"credit,omitempty"`
	}{c.text, c.credit}), nil
}

// richReader makes the blocks of one rich message.
type richReader struct {
	w     *World
	p     botapi.Params
	media map[string]Content // the parameter's media, by id
	files int                // how many media blocks there are
	draft bool               // thinking blocks are allowed
	depth int
	make  map[string]maker // by tag, for HTML
	refs  map[string]bool  // names of the references, for HTML
}

// richMessage makes the content of sendRichMessage.
func (w *World) richMessage(p botapi.Params) (Content, error) {
	return w.richContent(p, false)
}

// richContent reads the parameter rich_message. Of several sources, the blocks count before
// the Markdown, and that before the HTML.
func (w *World) richContent(p botapi.Params, draft bool) (Content, error) {
	text := p.String("rich_message")
	o, isObject := parseObject([]byte(text))
	switch {
	case text == "":
		return Content{}, refusal("Rich message must be non-empty")
	case !json.Valid([]byte(text)):
		return Content{}, refusal("Can't parse rich message JSON object")
	case !isObject:
		return Content{}, refusal("Object expected as rich message")
	}
	r := &richReader{w: w, p: p, draft: draft}
	if err := r.attach(o["media"]); err != nil {
		return Content{}, err
	}
	blocks, err := r.source(o)
	if err != nil {
		return Content{}, err
	}
	read := plainBlocks(blocks)
	switch {
	case utf8.RuneCountInString(read) > maxRichText:
		err = refusal("RICH_MESSAGE_TEXT_TOO_LONG")
	case len(blocks) > maxRichBlocks:
		err = refusal("RICH_MESSAGE_BLOCKS_TOO_MANY")
	case r.files > maxRichMedia:
		err = refusal("RICH_MESSAGE_MEDIA_TOO_MANY")
	}
	return Content{read: read, RichMessage: marshal(struct {
		Blocks []richBlock `json:"blocks"`
		IsRTL  bool        `json:"is_rtl,omitempty"`
	}{blocks, o.flag("is_rtl")})}, err
}

// source reads the blocks from the form in which the bot gave them.
func (r *richReader) source(o object) ([]richBlock, error) {
	markdown, source := o.text("markdown"), o.text("html")
	switch {
	case o.has("blocks"):
		blocks, err := r.blocks(o["blocks"])
		if err == nil && len(blocks) == 0 {
			err = refusal("Rich message must be non-empty")
		}
		return blocks, err
	case len(markdown) > maxRichSource || len(source) > maxRichSource:
		return nil, refusal("RICH_MESSAGE_TOO_LARGE")
	case markdown != "":
		source = htmlOfMarkdown(markdown)
	case source == "":
		return nil, refusal("Rich message must be non-empty")
	}
	blocks, err := r.html(source)
	if err == nil && len(blocks) == 0 {
		err = refusal("RICH_MESSAGE_EMPTY")
	}
	return blocks, err
}

// attach reads the field media, an array of InputRichMessageMedia.
func (r *richReader) attach(list json.RawMessage) error {
	all, _ := parseArray(list)
	r.media = map[string]Content{}
	for _, raw := range all {
		o, _ := parseObject(raw)
		id, err := o.need("id")
		if err != nil {
			return refusef("Can't parse InputRichMessageMedia: %v", err)
		}
		if r.media[id], err = r.w.richMedia(r.p, o["media"]); err != nil {
			return err
		}
	}
	return nil
}

// richMedia reads an InputMedia of a rich message, which may be a voice note too.
func (w *World) richMedia(p botapi.Params, raw json.RawMessage) (Content, error) {
	o, _ := parseObject(raw)
	if o.text("type") != "voice_note" {
		return w.inputMedia(p, raw, false)
	}
	uploaded, ok := p.Attached(o.text("media"))
	f, err := w.input("voice", o.text("media"), uploaded, ok)
	switch {
	case err != nil:
		return Content{}, err
	case f == nil:
		return Content{}, refusal("Media not found")
	}
	return w.content(media{file: f, number: o.integer, text: o.text, flag: o.flag, entities: o["caption_entities"]})
}

// put puts media into a block.
func (r *richReader) put(b *richBlock, c Content) {
	r.files++
	b.Photo, b.Video, b.Animation, b.Audio, b.Voice, b.Spoiler = c.Photo, c.Video, c.Animation, c.Audio, c.Voice, c.Spoiler
	switch {
	case c.Photo != nil:
		b.Type = "photo"
	case c.Video != nil:
		b.Type = "video"
	case c.Animation != nil:
		b.Type = "animation"
	case c.Audio != nil:
		b.Type = "audio"
	case c.Voice != nil:
		b.Type = "voice_note"
	default:
		b.Type, b.Document = "document", c.Document
	}
}
