package pickle

// Opcodes of plain data, protocols 2 to 5 (names after what they do here;
// Python's pickletools has the reference).
const (
	opProto byte = 0x80
	opFrame byte = 0x95
	opStop  byte = '.'

	opNone  byte = 'N'
	opTrue  byte = 0x88
	opFalse byte = 0x89
	opInt1  byte = 'K'
	opInt2  byte = 'M'
	opInt4  byte = 'J'
	opLong1 byte = 0x8a
	opLong4 byte = 0x8b
	opFloat byte = 'G'
	opText1 byte = 0x8c
	opText4 byte = 'X'
	opText8 byte = 0x8d

	opEmptyList  byte = ']'
	opEmptyTuple byte = ')'
	opEmptyDict  byte = '}'
	opMark       byte = '('
	opTuple      byte = 't'
	opTuple1     byte = 0x85
	opTuple2     byte = 0x86
	opTuple3     byte = 0x87
	opAppend     byte = 'a'
	opAppends    byte = 'e'
	opSetItem    byte = 's'
	opSetItems   byte = 'u'

	opMemoize byte = 0x94
	opPut1    byte = 'q'
	opPut4    byte = 'r'
	opGet1    byte = 'h'
	opGet4    byte = 'j'
)

// opName names the opcodes that exist and are refused, for the error.
func opName(op byte) (string, bool) {
	switch op {
	case 'c':
		return "GLOBAL", true
	case 0x93:
		return "STACK_GLOBAL", true
	case 'R':
		return "REDUCE", true
	case 'b':
		return "BUILD", true
	case 'i':
		return "INST", true
	case 'o':
		return "OBJ", true
	case 0x81:
		return "NEWOBJ", true
	case 0x92:
		return "NEWOBJ_EX", true
	case 0x82, 0x83, 0x84:
		return "EXT", true
	case 'P':
		return "PERSID", true
	case 'Q':
		return "BINPERSID", true
	case 'I':
		return "INT (as text)", true
	case 'L':
		return "LONG (as text)", true
	case 'F':
		return "FLOAT (as text)", true
	case 'S':
		return "STRING", true
	case 'T':
		return "BINSTRING", true
	case 'U':
		return "SHORT_BINSTRING", true
	case 'V':
		return "UNICODE (as text)", true
	case 'B', 'C', 0x8e:
		return "BINBYTES", true
	case 0x96:
		return "BYTEARRAY8", true
	case 0x97, 0x98:
		return "BUFFER", true
	case 0x8f, 0x90, 0x91:
		return "SET", true
	case 'l':
		return "LIST", true
	case 'd':
		return "DICT", true
	case '0', '1':
		return "POP", true
	case '2':
		return "DUP", true
	case 'g':
		return "GET (as text)", true
	case 'p':
		return "PUT (as text)", true
	}
	return "", false
}
