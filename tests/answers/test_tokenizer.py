"""Captions into tokens: words come back whole in every writing system."""

import unicodedata
from collections import Counter, UserDict, deque

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from condcap_sk.answers.tokenizer import is_unspaced, split_characters, split_words, splitter
from condcap_sk.answers.vocabulary import TextVocabulary, resolve_analyzer
from condcap_sk.exceptions import AnalyzerWarning
from condcap_sk.metrics import (
    best_of_k,
    bleu,
    cider_d,
    distinct_n,
    mutual_bleu,
    novelty,
    rouge_l,
    self_cider,
)

# "A boy is running", "a girl is reading a book", or about that.
LANGUAGES = {
    "Amharic": ("ልጁ እየሮጠ ነው።", "ልጅቷ መጽሐፍ ታነባለች።"),
    "Arabic, vowelled": ("يَرْكُضُ الْوَلَدُ فِي الْحَدِيقَةِ.", "تَقْرَأُ الْبِنْتُ كِتَابًا."),
    "Armenian": ("Տղան վազում է այգում։", "Ի՞նչ է կարդում աղջիկը։"),
    "Assamese": ("ল'ৰা এজন দৌৰি আছে।", "ছোৱালী এজনী কিতাপ পঢ়ি আছে।"),
    "Bengali": ("একটি ছেলে মাঠে দৌড়াচ্ছে।", "একটি মেয়ে বই পড়ছে।"),
    "Catalan": ("Un noi corre pel carrer.", "Una col·legiala llegeix un llibre."),
    "Cherokee": ("ᎠᏧᏣ ᎠᏟᎢ", "ᎠᎨᏳᏣ ᎪᏪᎵ ᎠᎪᎵᏰᎠ"),
    "Czech": ("Chlapec běží přes louku.", "Dívka čte knížku."),
    "Dhivehi": ("ފިރިހެން ކުއްޖާ ދުވަނީއެވެ.", "އަންހެން ކުއްޖާ ފޮތް ކިޔަނީއެވެ."),
    "French": ("Un garçon court près de la forêt.", "Une fille mange une crêpe à Noël."),
    "Fula, Adlam": ("𞤀𞤣𞤢𞤥 𞤲𞤮𞥅𞤲 𞤣𞤮𞤺𞤢𞥄𞤲", "𞤆𞤵𞤤𞤢𞤪 𞤴𞤭𞥅 𞤣𞤫𞤬𞤼𞤫𞤪𞤫"),
    "Georgian": ("ბიჭი პარკში გარბის.", "გოგო წიგნს კითხულობს."),
    "German": ("Ein Junge läuft über die Straße.", "EIN GROẞES MÄDCHEN LIEST."),
    "Greek": ("Το αγόρι τρέχει στο πάρκο.", "Ο ΣΚΎΛΟΣ ΠΑΊΖΕΙ."),
    "Gujarati": ("છોકરો મેદાનમાં દોડી રહ્યો છે.", "છોકરી પુસ્તક વાંચી રહી છે."),
    "Hawaiian": ("ʻO ke keiki kāne e holo nei.", "Heluhelu ke kaikamahine i ka puke."),
    "Hebrew, pointed": ("הַיֶּלֶד רָץ בַּגַּן.", "הַיַּלְדָּה קוֹרֵאת סֵפֶר."),
    "Hebrew": ("ג׳ירפה ליד מכונית בז׳.", "חייל צה״ל מחבק ג'ירפה."),
    "Hindi": ("लड़का दौड़ रहा है।", "लड़की किताब पढ़ रही है।"),
    "Inuktitut": ("ᓄᑲᑉᐱᐊᖅ ᐅᓪᓚᒃᑐᖅ", "ᓂᕕᐊᖅᓯᐊᖅ ᐅᖃᓕᒫᖅᑐᖅ"),
    "Kannada": ("ಹುಡುಗ ಮೈದಾನದಲ್ಲಿ ಓಡುತ್ತಿದ್ದಾನೆ.", "ಹುಡುಗಿ ಪುಸ್ತಕ ಓದುತ್ತಿದ್ದಾಳೆ."),
    "Korean": ("소년이 공원에서 달리고 있다.", "소녀가 책을 읽고 있다."),
    "Malayalam": ("ഒരു ആൺകുട്ടി ഓടുന്നു.", "അവന്‍ പുസ്തകം വായിക്കുന്നു."),
    "Marathi": ("मुलगा उद्यानात धावत आहे.", "मुलगी पुस्तक वाचत आहे."),
    "Meitei": ("ꯅꯨꯄꯥꯃꯆꯥ ꯆꯦꯟꯂꯤ꯫", "ꯅꯨꯄꯤꯃꯆꯥ ꯂꯥꯏꯔꯤꯛ ꯄꯥꯔꯤ꯫"),
    "Mongolian": ("Хүү цэцэрлэгт гүйж байна.", "Охин ном уншиж байна."),
    "Mongolian, traditional": ("ᠬᠦᠦ ᠭᠦᠶᠦᠵᠦ ᠪᠠᠢᠨ᠎ᠠ᠃", "ᠥᠬᠢᠨ ᠨᠣᠮ ᠤᠩᠰᠢᠨ᠎ᠠ᠃"),
    "N'Ko": ("ߞߐ߬ߘߐ߬ߡߊ ߓߍ߫ ߓߏ߬ߙߌ߬ ߟߊ߫", "ߡߏ߬ߛߏ ߓߍ߫ ߞߊ߬ߙߊ߲ ߠߊ߫"),
    "Nepali": ("केटा मैदानमा दौडिरहेको छ।", "केटी किताब पढ्दैछे।"),
    "Odia": ("ପୁଅଟି ପଡ଼ିଆରେ ଦୌଡ଼ୁଛି।", "ଝିଅଟି ବହି ପଢ଼ୁଛି।"),
    "Persian": ("پسر در پارک می‌دود.", "دختر کتاب‌ها را می‌خواند."),
    "Polish": ("Chłopiec biegnie przez łąkę.", "Żółty pies śpi."),
    "Punjabi": ("ਮੁੰਡਾ ਪਾਰਕ ਵਿੱਚ ਦੌੜ ਰਿਹਾ ਹੈ।", "ਕੁੜੀ ਕਿਤਾਬ ਪੜ੍ਹ ਰਹੀ ਹੈ।"),
    "Russian": ("Ещё один мальчик бежит по парку.", "Девочка ест йогурт."),
    "Santali": ("ᱠᱚᱲᱟ ᱜᱤᱫᱽᱨᱟᱹ ᱫᱟᱹᱲ ᱠᱟᱱᱟ᱾", "ᱠᱩᱲᱤ ᱜᱤᱫᱽᱨᱟᱹ ᱯᱟᱲᱦᱟᱣ ᱠᱟᱱᱟ᱾"),
    "Sinhala": ("පිරිමි ළමයෙක් පාරේ දුවයි.", "ශ්‍රී ලාංකික ගැහැණු ළමයෙක්."),
    "Syriac": ("ܛܰܠܝܳܐ ܪܳܗܶܛ ܒܓܰܢܬܳܐ.", "ܛܠܺܝܬܳܐ ܩܳܪܝܳܐ ܟܬܳܒܳܐ."),
    "Tamazight": ("ⴰⵔⴱⴰ ⵉⵜⵜⴰⵣⵣⵍ.", "ⵜⴰⵔⴱⴰⵜ ⵜⵖⵔⴰ ⴰⴷⵍⵉⵙ."),
    "Tamil": ("ஒரு சிறுவன் பூங்காவில் ஓடுகிறான்.", "ஒரு சிறுமி புத்தகம் படிக்கிறாள்."),
    "Telugu": ("ఒక అబ్బాయి పార్కులో పరుగెత్తుతున్నాడు.", "ఒక అమ్మాయి పుస్తకం చదువుతోంది."),
    "Turkish": ("İki kedi uyuyor.", "Çocuk ağaca tırmanıyor."),
    "Ukrainian": ("Хлопчик кидає м'яч.", "П’ять дівчат їдять яблука."),
    "Urdu": ("لڑکا دوڑ رہا ہے۔", "لڑکی کتاب پڑھ رہی ہے۔"),
    "Uyghur": ("بالا باغچىدا يۈگۈرۈۋاتىدۇ.", "قىز كىتاب ئوقۇۋاتىدۇ."),
    "Vietnamese": ("Một cậu bé đang chạy.", "Con chó đỏ nằm trên cỏ ướt."),
    "Yiddish": ("דאָס ייִנגל לויפֿט אין פּאַרק.", "דאָס מיידל לייענט אַ בוך."),
    "Yoruba": ("Ọmọkùnrin kan ń sáré.", "Ọmọbìnrin náà ń kàwé lórí ẹní."),
}
UNSPACED = {
    "Burmese": ("ကောင်လေးတစ်ယောက်ပြေးနေသည်။", "မိန်းကလေး စာအုပ်ဖတ်နေသည်။"),
    "Cantonese": ("一個男仔喺公園跑緊步", "一個女仔睇緊書"),
    "Chinese": ("一个男孩在公园里跑步。", "一个女孩在看书。"),
    "Chinese, traditional": ("一個男孩在公園裡跑步。", "一個女孩正在看書。"),
    "Japanese": ("男の子が公園で走っている。", "女の子がベンチで本を読んでいる。"),
    "Javanese": ("ꦧꦺꦴꦕꦃꦭꦤꦁꦭꦒꦶꦩ꧀ꦭꦪꦸ꧉", "ꦧꦺꦴꦕꦃꦮꦢꦺꦴꦤ꧀ꦭꦒꦶꦩꦕꦧꦸꦏꦸ꧉"),
    "Khmer": ("ក្មេងប្រុសកំពុងរត់ក្នុងសួន។", "ក្មេងស្រីកំពុងអានសៀវភៅ។"),
    "Lao": ("ເດັກຊາຍກຳລັງແລ່ນຢູ່ສວນ", "ເດັກຍິງກຳລັງອ່ານປຶ້ມ"),
    "Thai": ("เด็กผู้ชายกำลังวิ่งในสวน", "เด็กผู้หญิง 2 คน กำลังอ่านหนังสือ"),
    "Tibetan": ("བུ་ཞིག་རྒྱུག་གི་འདུག།", "བུ་མོ་ཞིག་དེབ་ལྟ་གི་འདུག།"),
}
LABELS = {
    "Burmese": "လူ စက်ဘီး ကား မော်တော်ဆိုင်ကယ် လေယာဉ် ဘတ်စ်ကား ရထား ထရပ်ကား မီးပွိုင့် ငှက် ကြောင် ခွေး",
    "Chinese": "人 自行车 汽车 摩托车 公共汽车 交通信号灯 消防栓 停车标志 停车收费表 长椅 "
    "长颈鹿 手提箱 滑雪板",
    "Chinese breeds": "拉布拉多寻回犬 金毛寻回犬 德国牧羊犬 西伯利亚雪橇犬 约克夏梗 "
    "威尔士柯基犬 阿拉斯加雪橇犬",
    "Chinese diseases": "慢性阻塞性肺疾病 急性淋巴细胞白血病 肺炎 糖尿病视网膜病变 "
    "基底细胞癌 皮肤纤维瘤",
    "Chinese, traditional": "人 腳踏車 汽車 摩托車 公車 紅綠燈 消防栓 停車標誌 停車收費錶 "
    "長椅 長頸鹿 行李箱",
    "English": "person bicycle car motorcycle airplane bus train truck",
    "Japanese": "人 自転車 消火栓 一時停止標識 パーキングメーター りんご ぬいぐるみ 消しゴム "
    "男の子 電子レンジ",
    "Japanese breeds": "キャバリア・キング・チャールズ・スパニエル ヨークシャーテリア "
    "ゴールデンレトリバー ジャーマンシェパードドッグ ウェルシュコーギーペンブローク "
    "ラブラドールレトリーバー 柴犬 秋田犬",
    "Japanese food": "ごはん うなぎの蒲焼き 親子丼 お好み焼き たこ焼き 卵かけご飯 "
    "天ぷらうどん 鮭の塩焼き 味噌汁 餃子",
    "Japanese vegetables": "にんじん たまねぎ じゃがいも ほうれんそう とうもろこし きゅうり "
    "なす かぼちゃ とまと",
    "Khmer": "មនុស្ស កង់ រថយន្ត ម៉ូតូ យន្តហោះ រថយន្តក្រុង រថភ្លើង ទូក ភ្លើងសញ្ញាចរាចរណ៍ ឆ្មា ឆ្កែ សេះ",
    "Korean": "사람 자전거 자동차 오토바이 비행기 버스 기차 골든리트리버 요크셔테리어",
    "Lao": "ຄົນ ລົດຖີບ ລົດ ລົດຈັກ ເຮືອບິນ ລົດເມ ລົດໄຟ ລົດບັນທຸກ ເຮືອ ໄຟຈະລາຈອນ ນົກ ແມວ ໝາ",
    "Thai": "คน รถจักรยาน รถยนต์ รถจักรยานยนต์ เครื่องบิน รถบัส สัญญาณไฟจราจร หัวดับเพลิง มิเตอร์จอดรถ แมว สุนัข",
    "Thai breeds": "โกลเด้นรีทรีฟเวอร์ ไซบีเรียนฮัสกี้ ลาบราดอร์รีทรีฟเวอร์ ชิวาวา ปอมเมอเรเนียน บีเกิล บางแก้ว ปั๊ก",
    "Tibetan": "མི རྐང་འཁོར རླངས་འཁོར སྦག་སྦག གནམ་གྲུ མེ་འཁོར གྲུ འགྲིམ་འགྲུལ་བརྡ་གློག བྱ ཞི་མི ཁྱི",
}
SEGMENTED = {
    "Burmese": ("ခွေး တစ် ကောင် ပြေး နေ သည်", "ကြောင် တစ် ကောင် အိပ် နေ သည်"),
    "Chinese": ("一 只 狗 在 草地 上 奔跑", "两 个 人 坐 在 长椅 上"),
    "Japanese": ("赤い 犬 が 走る", "猫 が 二 匹 寝て いる"),
    "Thai": ("เด็กผู้ชาย กำลัง วิ่ง", "สุนัข สี แดง กำลัง วิ่ง"),
}
FORMS = pytest.mark.parametrize("form", ["NFC", "NFD"])
NFC, NFD = (lambda text, form=form: unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
PUNCTUATION = "".join(c for c in map(chr, range(0x10000)) if unicodedata.category(c)[0] == "P")


def whole_words(text):
    """Words as white space parts them, without the punctuation around; geresh makes a letter."""
    return [word.strip(PUNCTUATION.replace("׳", "")) for word in NFC(text.lower()).split()]


@FORMS
@pytest.mark.parametrize("language", LANGUAGES)
class TestLanguage:
    def test__split_words__real_captions__gives_whole_words(self, language, form):
        for text in LANGUAGES[language]:
            assert split_words(unicodedata.normalize(form, text)) == whole_words(text)

    def test__bleu__against_the_other_form__is_one(self, language, form):
        texts = LANGUAGES[language]
        most = min(4, max(len(text.split()) for text in texts))
        scores = bleu([unicodedata.normalize(form, t) for t in texts], [[NFC(t)] for t in texts])
        np.testing.assert_array_equal(scores[:most], 1)

    def test__vocabulary__round_trip__gives_the_words_in_lower_case(self, language, form):
        texts = np.array(
            [unicodedata.normalize(form, t) for t in LANGUAGES[language]], dtype=object
        )
        assert resolve_analyzer("auto", texts) == "word"
        vocabulary = TextVocabulary("word").fit(texts)
        back = vocabulary.decode(vocabulary.encode([NFD(text) for text in texts]))
        assert back.tolist() == [" ".join(whole_words(text)) for text in texts]


@FORMS
@pytest.mark.parametrize("language", UNSPACED)
class TestUnspacedLanguage:
    def test__auto__captions__takes_characters_and_gives_the_text(self, language, form):
        texts = np.array([unicodedata.normalize(form, t) for t in UNSPACED[language]], dtype=object)
        assert resolve_analyzer("auto", texts) == "char"
        vocabulary = TextVocabulary("char").fit(texts)
        back = vocabulary.decode(vocabulary.encode([NFD(text) for text in texts]))
        assert back.tolist() == [NFC(text) for text in texts]

    def test__word__captions__warns(self, language, form):
        texts = [unicodedata.normalize(form, text) for text in UNSPACED[language]]
        with pytest.warns(AnalyzerWarning, match="analyzer='char'") as warned:
            TextVocabulary("word").fit(texts)
        assert [w.filename for w in warned] == [__file__]


@FORMS
@pytest.mark.parametrize("name", LABELS)
def test__auto__labels_in_any_script__are_labels(name, form):
    labels = np.array(unicodedata.normalize(form, LABELS[name]).split(), dtype=object)
    assert resolve_analyzer("auto", labels) == "label"


@pytest.mark.parametrize("language", SEGMENTED)
def test__auto__words_already_separated__takes_words(language):
    assert resolve_analyzer("auto", np.array(SEGMENTED[language], dtype=object)) == "word"
    assert not is_unspaced(SEGMENTED[language])


def test__auto__two_languages_of_which_one_has_no_spaces__takes_characters():
    texts = ["a dog runs in the park", "一只狗在公园里跑", "two men sit", "两个男人坐在长椅上"]
    assert resolve_analyzer("auto", np.array(texts, dtype=object)) == "char"


def test__auto__few_borrowed_words__does_not_matter():
    assert is_unspaced(["一个穿着Nike T恤的男人在打NBA篮球", "一只狗在跑"])
    assert not is_unspaced(["a man eats 寿司 in the park", "a sign reads 止まれ"])


MEASURES = {
    "bleu": lambda texts: bleu(texts, [[text] for text in texts]),
    "rouge_l": lambda texts: rouge_l(texts, [[text] for text in texts]),
    "cider_d": lambda texts: cider_d(texts, [[text] for text in texts]),
    "best_of_k": lambda texts: best_of_k([texts] * 2, [texts] * 2),
    "novelty": lambda texts: novelty(texts, texts),
    "distinct_n": lambda texts: distinct_n([texts]),
    "mutual_bleu": lambda texts: mutual_bleu([texts, texts]),
    "self_cider": lambda texts: self_cider([texts, texts]),
}


@pytest.mark.parametrize("name", MEASURES)
def test__measure__of_words_without_spaces__warns_once_at_the_line_of_the_user(name):
    with pytest.warns(AnalyzerWarning, match="analyzer='char'") as warned:
        MEASURES[name](list(UNSPACED["Chinese"]))
    assert [w.filename for w in warned] == [__file__]


def test__bleu__words_that_differ_in_a_vowel_sign__are_different():
    boy, girl = "लड़का दौड़ रहा है", "लड़की दौड़ रही है"
    expected = bleu([boy], [[girl]], analyzer=str.split)
    np.testing.assert_array_equal(expected, [0.5, 0, 0, 0])
    np.testing.assert_array_equal(bleu([boy], [[girl]]), expected)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("İki kedi", ["i̇ki", "kedi"]),
        ("don't l’homme it's", ["don", "t", "l", "homme", "it", "s"]),
        ("σ'αγαπώ απ’όλα", ["σ", "αγαπώ", "απ", "όλα"]),
        ("«м'яч» 'слово' Путин's", ["м'яч", "слово", "путин", "s"]),
        ('דו"ח "שלום" ג\'ון', ['דו"ח', "שלום", "ג'ון"]),
        ("ג׳ורג׳, בז׳", ["ג׳ורג׳", "בז׳"]),
        ("well-known בית־ספר", ["well", "known", "בית", "ספר"]),
        ("Այո՛, ո՞ւր", ["այո", "ո՞ւր"]),
        ("ΟΔΟΣ ΌΔΟΣ", ["οδος", "όδος"]),
        ("ᲗᲑᲘᲚᲘᲡᲘ", ["თბილისი"]),
        ("a dog 🐕️ 👩‍🚀 runs ❤️", ["a", "dog", "runs"]),
        ("ឆ្កែ\u200bរត់", ["ឆ្កែ", "រត់"]),
        ("می\u200cدود\u200c \u200cتند", ["می\u200cدود", "تند"]),
        ("ر\u200d ‍", ["ر"]),
        ("\u0301 ़", []),
        ("snake_case x2 ½ ²", ["snake_case", "x2", "½", "²"]),
        ("", []),
        (np.str_("A Dog."), ["a", "dog"]),
    ],
)
def test__split_words__rules__hold(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    "sign", "\u00ad\u061c\u200e\u200f\u202a\u202c\u2060\u2063\u2066\u2069\ufeff"
)
def test__split_words__signs_that_show_nothing__are_dropped(sign):
    assert split_words(f"{sign}ca{sign}fe{sign}\u0301 {sign} d{sign}og{sign}") == ["café", "dog"]


# Letters, marks, joiners and points of many scripts, so that they meet each other.
SIGNS = "aZéİẞΣςы'’\"·׳״אָשּׁबढ़़क्‍‌িতாகิกำがか゛゙各각ᆨᄀ𞤀𞥄ᠠ᠎՞ա1_½ ­‏﻿​-.。\u0301\u0345\u0323🐕️"
TEXTS = st.one_of(st.text(SIGNS), st.text())


@given(TEXTS)
@example("Å Å Å")
def test__tokens__of_any_text__do_not_depend_on_its_form(text):
    for split in (split_words, split_characters):
        assert split(NFC(text)) == split(NFD(text)) == split(text)


@given(TEXTS)
def test__split_words__its_own_words__stay_as_they_are(text):
    words = split_words(text)
    assert split_words(" ".join(words)) == words


SKLEARN = CountVectorizer(token_pattern=r"(?u)\b\w+\b").build_analyzer()


@given(
    st.one_of(
        st.text(st.characters(max_codepoint=127)),
        st.text(
            st.characters(
                exclude_categories=["M", "Cf", "Cs"], exclude_characters="·\u0387׳״՚՛՜՞՟\u2027'’\""
            )
        ),
        st.text("aBcéÜßñ '’-.,!3_"),
    )
)
def test__split_words__text_without_marks_and_inner_points__is_split_as_by_scikit_learn(text):
    text = NFC(text)
    if not any(unicodedata.category(sign)[0] == "M" for sign in NFC(text.lower())):
        assert split_words(text) == [NFC(word) for word in SKLEARN(text)]


@pytest.mark.parametrize(
    "found",
    [
        lambda words: {*words},
        lambda words: frozenset(words),
        lambda words: dict.fromkeys(words, 1),
        lambda words: Counter(words),
        lambda words: UserDict(input_ids=[1], attention_mask=[1]),
        lambda words: pd.DataFrame({word: [1] for word in words}),
        lambda words: np.array([words]),
        lambda words: np.array(words[0]),
        lambda words: " ".join(words),
        lambda words: " ".join(words).encode(),
        lambda words: [word.encode() for word in words],
        lambda words: [words],
        lambda words: [(word, "NOUN") for word in words],
        lambda words: [1, 2],
        lambda words: range(2),
        lambda words: [*words, None],
        lambda words: np.array([1, 2]),
        lambda words: None,
        lambda words: 3,
        lambda words: words.copy,
    ],
)
def test__callable__that_gives_no_sequence_of_strings__names_what_to_return(found):
    with pytest.raises(ValueError, match=r"(?s)^analyzer=<.*Let it return a list of str\.$"):
        splitter(lambda text: found(text.split()))("a dog")


@pytest.mark.parametrize(
    "found",
    [list, tuple, deque, iter, np.array, pd.Series, pd.Index,
     lambda words: np.array(words, dtype=object), lambda words: (word for word in words),
     lambda words: map(str, words), lambda words: dict.fromkeys(words).keys()],
)  # fmt: skip
def test__callable__any_sequence_of_strings__is_taken(found):
    assert splitter(lambda text: found(text.split()))("a Dog.") == ["a", "Dog."]


def test__split_words__letter_composed_in_lower_case_only__is_one_letter():
    # There is no capital letter with this accent, but a small one.
    assert split_words("J\u030coro") == split_words("\u01f0oro") == ["\u01f0oro"]
