"""Names of files for people: none has an ending that runs something when it is clicked.

What runs differs by system and by what is installed, and the lists of it grow (Chromium's of dangerous file types has
hundreds). So it is the other way round: an ending is kept if it is known to belong to documents, media or data.
"""

import re
import unicodedata
from typing import Final

# In the words of the systems: what opens in a viewer, a player, an editor or a library. Documents with macros, scripts
# of any language, archives that install something, disk images and links are none of these.
SAFE_SUFFIXES: Final = frozenset(
    {
        # images
        ".apng", ".avif", ".bmp", ".cr2", ".dds", ".dng", ".exr", ".gif", ".hdr", ".heic", ".heif", ".ico",
        ".jp2", ".jpeg", ".jpg", ".jxl", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".psd", ".qoi", ".raw", ".svg",
        ".tga", ".tif", ".tiff", ".webp",
        # video and audio
        ".aac", ".ac3", ".aif", ".aiff", ".amr", ".ass", ".au", ".avi", ".caf", ".flac", ".flv", ".lrc", ".m4a",
        ".m4b", ".m4v", ".mid", ".midi", ".mka", ".mkv", ".mov", ".mp2", ".mp3", ".mp4", ".mpeg", ".mpg",
        ".musicxml", ".mxl", ".oga", ".ogg", ".ogv", ".opus", ".ra", ".sf2", ".srt", ".ssa", ".sub", ".vtt",
        ".wav", ".weba", ".webm", ".wma", ".wmv",
        # texts and documents
        ".bib", ".csv", ".docx", ".epub", ".geojson", ".gpx", ".html", ".ics", ".json", ".jsonl", ".kml",
        ".kmz", ".log", ".markdown", ".md", ".ndjson", ".odp", ".ods", ".odt", ".pdf", ".pptx", ".rst", ".rtf",
        ".tex", ".tsv", ".txt", ".vcf", ".xlsx", ".xml", ".yaml", ".yml",
        # data, weights and models
        ".arrow", ".avro", ".bin", ".ckpt", ".dat", ".db", ".feather", ".fits", ".gguf", ".h5", ".hdf5", ".las",
        ".laz", ".mat", ".mol", ".mol2", ".nc", ".npy", ".npz", ".onnx", ".parquet", ".pb", ".pdb", ".pt",
        ".pth", ".safetensors", ".sdf", ".shp", ".sqlite", ".tfrecord", ".tflite", ".vec",
        # fonts and 3D
        ".3mf", ".abc", ".bvh", ".dae", ".dxf", ".fbx", ".glb", ".gltf", ".iges", ".igs", ".mtl", ".obj",
        ".off", ".otf", ".ply", ".pcd", ".splat", ".spz", ".step", ".stl", ".stp", ".ttf", ".usd", ".usda",
        ".usdc", ".usdz", ".vox", ".vrm", ".woff", ".woff2", ".xyz",
        # archives that only unpack
        ".7z", ".bz2", ".gz", ".lz4", ".rar", ".tar", ".tgz", ".xz", ".zip", ".zst",
    }
)  # fmt: skip
_NAME_CHARS: Final = 100
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,12}")
_INNER_SUFFIX: Final = re.compile(r"(?!\d{1,30}\Z)[A-Za-z0-9_-]{1,30}")  # no number: "v1.2.mp4" has one ending
_NOT_IN_NAMES: Final = re.compile(r'[\\/:*?"<>|;%$`]+')
_IGNORED_AT_THE_END: Final = ". \t\r\n"  # Windows drops them: "a.exe. ." is "a.exe"


def safe_suffix(name: str) -> str:
    """Return the ending of a name in lower case (".srt"); "" if it has none, or one that might run something."""
    plain = _visible(name).rstrip(_IGNORED_AT_THE_END).lower()
    _, dot, ending = plain.rpartition(".")
    suffix = dot + ending
    return suffix if _SUFFIX.fullmatch(suffix) and suffix in SAFE_SUFFIXES else ""


def may_run(name: str) -> bool:
    """Return whether a name has an ending that is not known to be safe; a name without any ending has none."""
    plain = _visible(name).rstrip(_IGNORED_AT_THE_END)
    return "." in plain.strip(".") and not safe_suffix(name)


def safe_file_name(name: str, *, suffix: str = ".bin") -> str:
    """Return the name as it is if it is safe; else without what is invisible or has a meaning, ended by ``suffix``.

    "notes.txt" stays; "evil.exe" is "evil-exe.bin", "a.jpg.bat . " is "a-jpg-bat.bin".
    """
    plain = " ".join(_NOT_IN_NAMES.sub(" ", _visible(name)).split()).strip(_IGNORED_AT_THE_END + "-")
    ending = safe_suffix(plain)
    stem = plain[: -len(ending)] if ending else plain
    if _has_inner_suffix(stem) or not ending:
        stem = stem.replace(".", "-")
    return f"{stem.strip(_IGNORED_AT_THE_END + '-')[:_NAME_CHARS] or 'file'}{ending or suffix}"


def _has_inner_suffix(stem: str) -> bool:
    """Return whether a second ending stands before the last: clients that hide the last one would show it."""
    _, dot, inner = stem.rpartition(".")
    return bool(dot) and _INNER_SUFFIX.fullmatch(inner) is not None and f".{inner.lower()}" not in SAFE_SUFFIXES


def _visible(name: str) -> str:
    """Return the name without control and format characters, such as the right-to-left override; in plain letters."""
    return "".join(letter for letter in unicodedata.normalize("NFKC", name) if unicodedata.category(letter)[0] != "C")
