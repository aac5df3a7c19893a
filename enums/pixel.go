package enums

// PixelType is the type an image's pixels had in its file.
type PixelType string

// The members of [PixelType].
const (
	Uint8   PixelType = "uint8"
	Uint16  PixelType = "uint16"
	Float32 PixelType = "float32"
)

// PixelTypes returns the members in their order.
func PixelTypes() []PixelType {
	return []PixelType{
		Uint8,
		Uint16,
		Float32,
	}
}

// ParsePixelType accepts a member's name and nothing else.
func ParsePixelType(s string) (PixelType, error) { return parse("pixel type", s, PixelTypes()) }

// UnmarshalText accepts a member's name and nothing else.
func (x *PixelType) UnmarshalText(text []byte) error { return unmarshal(x, text, ParsePixelType) }

// Vocabulary returns the enumeration wellhouse.enums.PixelType.
func (PixelType) Vocabulary() *Enumeration { return vocabulary("PixelType") }
