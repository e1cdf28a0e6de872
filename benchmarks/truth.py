"""Whether captions of photographs are true, by the words that people use for the same photograph.

    python benchmarks/truth.py FOLDER

A word that a caption names (an object, colour, number or action) counts as true if one of the
references has it, a near-synonym or a word that implies it. References leave out much of what is
there, so true words are counted as false, too. What people's captions reach against each other is
what can be reached; the script prints it for Flickr8k's "val". The words were chosen by how often
"train" has them.
"""

import argparse
from collections import Counter

import numpy as np

from condcap_sk.answers.tokenizer import split_words
from condcap_sk.datasets import load_flickr8k

# In each line, words of which any makes any other true. Those after "<" make them true, but are not
# made true by them; one that begins a line of its own stands for all that make it true.
OBJECTS = """
man men guy guys male males gentleman gentlemen < groom cowboy businessman mailman fireman
woman women lady ladies female females < bride cowgirl
boy boys < schoolboy
girl girls < schoolgirl cheerleader
baby babies infant toddler toddlers
child children kid kids < boy girl baby youngster youngsters youth teenager teen
person people someone human adult adults < man woman child player rider skier surfer biker climber \
skateboarder snowboarder hiker runner dancer crowd family couple swimmer worker performer they \
musician friends
player players athlete athletes < team teammate goalie pitcher quarterback
crowd audience spectators onlookers < fans crowded
couple < two pair
dog dogs puppy puppies greyhound greyhounds < poodle retriever terrier shepherd collie dalmatian \
labrador bulldog rottweiler dachshund husky chihuahua pug hound hounds lab canine
cat cats kitten
horse horses pony < horseback jockey rodeo bronco
bird birds < duck ducks seagull seagulls pigeon pigeons goose geese parrot swan pelican eagle
animal animals < dog cat horse bird cow sheep goat goats bull elephant
ball balls soccerball < football basketball baseball volleyball soccer tennis softball rugby \
beachball
toy toys < ball doll stuffed balloon frisbee
frisbee disc disk
stick sticks branch twig < log
rope ropes < leash cord
bike bikes bicycle bicycles < bmx cyclist cyclists bicyclist bicyclists biker bikers biking \
unicycle tricycle bicycling cycling
motorcycle motorcycles motorbike motorbikes dirtbike < motocross motorcyclist motorcyclists atv \
moped
car cars vehicle vehicles automobile < truck jeep van taxi bus racecar suv
boat boats canoe kayak raft ship < sailboat ferry motorboat rowboat kayaking rafting canoeing
skateboard skateboards < skateboarder skateboarders skateboarding
snowboard < snowboarder snowboarders snowboarding
surfboard surfboards < surfer surfers surfing surf wakeboard
ski skis < skier skiers skiing
sled sleds sleigh < sledding sledge
water < pool ocean lake river sea stream pond wave waves puddle fountain creek surf swimming \
waterfall underwater swims swim sprinkler rapids shore kayak canoe boat
pool < poolside
ocean sea < beach surf surfer wave waves surfing
wave waves surf < surfing surfer surfs surfboard
lake river pond stream creek < rapids
beach shore sand sandy < seashore shoreline seaside coast
snow snowy < ski skier skiers skiing snowboarder snowboarding snowboard snowball sled sledding \
skis snowcovered
ice icy < skating hockey rink frozen
grass grassy lawn < grassland meadow
field fields meadow pasture < grass grassy
mountain mountains < cliff peak summit alpine
hill hills hillside slope < mountain dune
rock rocks rocky boulder boulders cliff < stone stones
dirt mud muddy < dusty soil
tree trees < forest woods wooded palm
forest woods wooded < trees jungle
flower flowers < blossoms tulips daisies
street road sidewalk pavement < crosswalk highway alley intersection
path trail track < sidewalk trek
track racetrack < race racing races
city < urban downtown
building buildings < skyscraper house church
house home < cottage cabin
wall walls
fence fences < fenced railing
bench benches
table tables < desk
chair chairs seat < couch sofa recliner wheelchair stool
bed < mattress
window windows
park < playground
playground < slide swing swings
yard backyard < lawn
ramp ramps halfpipe < quarterpipe
bridge
stairs steps staircase
sign signs < billboard poster
sky
air midair < airborne leaps jumps jumping leaping
shirt shirts tshirt < jersey jerseys sweatshirt sweater polo blouse shirtless
jacket jackets coat coats < parka vest hoodie sweatshirt
hat hats cap caps < hardhat beanie headband turban visor
helmet helmets
pants trousers jeans < denim slacks
shorts trunks
dress dresses < gown
suit suits < tuxedo wetsuit
swimsuit bikini < bathing swimwear trunks
glasses sunglasses goggles < shades
uniform uniforms < jersey jerseys
costume costumes < dressed outfit outfits
backpack backpacks < pack
bag bags purse < backpack luggage suitcase
camera cameras < photographer
hair < haired blond blonde ponytail hairstyle mohawk curly
mouth
hand hands
face faces
football footballs
basketball basketballs
baseball
soccer
tennis
guitar guitars
"""
COLOURS = """
black < dark
white
red < maroon crimson
blue < navy turquoise teal
green
yellow < gold golden blond blonde
brown tan beige < golden brownish
orange
pink
purple < lavender violet
grey gray < silver
blond blonde < yellow
golden gold < tan yellow brown
"""
NUMBERS = """
two < couple pair both 2 twins
three < 3 trio
four < 4
five < 5
six < 6
several many group groups bunch < three four five six seven eight nine ten some people crowd \
crowded team teams
"""
# In each line, verbs of which every form makes any other true; words after "<" as above. Forms that
# are mostly nouns are not judged: of a verb, those in -ing and -s.
ACTIONS = """
run sprint jog < race races racing chase chases chasing gallop galloping ran trots trotting runner \
runners
jump leap hop < bounce bouncing hurdle hurdles flip midair airborne flies flying
walk stroll < hike hiking march marching crossing trot
sit < seated rest resting perched sat crouch crouching ride riding
stand < standing stood pose posing
lie lay < laid sleep sleeping rest resting
play < game match toy football soccer basketball baseball tennis volleyball hockey frisbee
ride < biker cyclist bicyclist rider surf surfing motorcyclist rides pedaling cycling biking bike \
surfer skateboarder skateboarding racing
swim < swimmer swimmers paddling wading
climb scale < climber climbers ascending
hold carry < grasping clutching
look watch stare gaze < facing observe observing observes peers peering overlooking
wear < dressed clad shirt jacket hat
smile grin laugh < happy
throw toss < pitch pitching pitcher
catch < fetch fetching retrieve retrieving caught
chase follow pursue < chased
eat chew < bite biting food
drink < drinks
dance < dancer dancers
fly < airborne midair soar soaring
slide < slid sledding
swing < swung
splash < splashed splashing sprays
fight wrestle < tackle tackling wrestlers
kick < kicked
hit < strike batter swings swinging
ski < skier skiers skis
snowboard < snowboarder snowboarders
skateboard < skateboarder skateboarders
surf < surfer surfers surfboard
skate < skater skaters rollerblading skateboarding skateboarder
dig
pull tug drag < tows
push
hug embrace kiss < cuddling
talk speak chat < conversation
read < book
sing < singer microphone
perform < trick tricks performer stunt
paddle row kayak < canoe kayak kayaker rafting
hike < hiker hikers trek trekking
dive < diver
fall < fell falls
bite
lick
shake
sleep nap < asleep
wait
point
lean
hang < dangling dangles
pose < posed
drive < driver
land
sniff smell
crawl
kneel crouch squat
wade
fish < fisherman
cross
skip
"""
# Verbs whose last letter is doubled before -ing.
DOUBLED = "run jog hop sit grin chat hug swim hit dig nap skip drag tug"
ARTICLES = "a an the"
# Without those that people end captions in as adverbs, such as "by" and "behind".
PREPOSITIONS = """
of in on at near with from to into onto over under beside through for between against across toward
towards during
"""
CONJUNCTIONS = "and or but while whilst as that which who"


def forms(verb):
    """Return the forms in -ing and -s of a regular verb."""
    if verb.endswith("ie"):
        stem = verb[:-2] + "y"
    elif verb.endswith("e"):
        stem = verb[:-1]
    else:
        stem = verb + verb[-1] if verb in DOUBLED.split() else verb
    if verb.endswith(("s", "sh", "ch", "x", "z")):
        return [stem + "ing", verb + "es"]
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return [stem + "ing", verb[:-1] + "ies"]
    return [stem + "ing", verb + "s"]


def read_words(lines, are_verbs=False):
    """Return, by word that is judged, the words in references that make it true."""
    groups = []
    for line in lines.strip().splitlines():
        judged, _, others = line.partition("<")
        judged, others = judged.split(), others.split()
        if are_verbs:
            # The bare verb is often a noun: it makes others true, and is not judged itself.
            others += judged
            judged = [form for verb in judged for form in forms(verb)]
        groups.append((judged, {*judged, *others}))
    of_first = {judged[0]: makers for judged, makers in groups}
    found = {}
    for judged, makers in groups:
        every, left = set(), list(makers)
        while left:
            word = left.pop()
            if word not in every:
                every.add(word)
                left += () if word in judged else of_first.get(word, ())
        for word in judged:
            found[word] = found.get(word, set()) | every
    return found


KINDS = {
    "objects": read_words(OBJECTS),
    "colours": read_words(COLOURS),
    "numbers": read_words(NUMBERS),
    "actions": read_words(ACTIONS, are_verbs=True),
}


def judgements(captions, references):
    """Yield kind, word and whether it is true, of each word that each image's captions name.

    `captions` and `references` hold a list of captions for each image.
    """
    for row, known in zip(captions, references, strict=True):
        there = {word for text in known for word in split_words(text)}
        for words in map(set, map(split_words, row)):
            for kind, makers in KINDS.items():
                for word in words & makers.keys():
                    yield kind, word, not makers[word].isdisjoint(there)


def precisions(captions, references):
    """Return, by kind, the share of named words that are true, and how many are named.

    A word counts once in a caption. `captions` holds one caption for each image, or a list of
    captions; `references` a list. The share is nan where nothing is named.
    """
    rows = [[row] if isinstance(row, str) else row for row in captions]
    named, true = Counter(), Counter()
    for kind, _, is_true in judgements(rows, references):
        named[kind] += 1
        true[kind] += is_true
    return {
        kind: (true[kind] / named[kind] if named[kind] else np.nan, named[kind]) for kind in KINDS
    }


def precisions_without_one(captions, references):
    """Return `precisions` where each reference in turn is left out: comparable with people's."""
    pairs = [
        (row, known[:j] + known[j + 1 :])
        for row, known in zip(captions, map(list, references), strict=True)
        for j in range(len(known))
    ]
    found = precisions(*zip(*pairs, strict=True))
    # As many as without repetition, where all images have as many references.
    share = len(references) / len(pairs)
    return {kind: (value, round(n * share)) for kind, (value, n) in found.items()}


def human_precisions(references):
    """Return `precisions` of each reference against the others of its image."""
    pairs = [
        (known[j], known[:j] + known[j + 1 :])
        for known in map(list, references)
        for j in range(len(known))
    ]
    return precisions(*zip(*pairs, strict=True))


def bad_endings(captions):
    """Return the share of captions that end in an article, a preposition or a conjunction."""
    bad = {*ARTICLES.split(), *PREPOSITIONS.split(), *CONJUNCTIONS.split()}
    return np.mean([not bad.isdisjoint(split_words(caption)[-1:]) for caption in captions])


def loops(captions):
    """Return the share of captions that have some three words in a row twice."""
    shares = []
    for words in map(split_words, captions):
        triples = list(zip(words, words[1:], words[2:], strict=False))
        shares.append(len(set(triples)) < len(triples))
    return np.mean(shares)


def truth_rows(captions, references):
    """Return what benchmarks print of captions, one or several for each image, by name."""
    return as_rows(precisions_without_one(captions, references)) | form_rows(captions)


def human_rows(references):
    """Return the same of people's captions, each against the others of its image."""
    return as_rows(human_precisions(references)) | form_rows(references)


def as_rows(found):
    return {f"true {kind}": value for kind, (value, _) in found.items()}


def form_rows(captions):
    flat = [text for row in captions for text in ([row] if isinstance(row, str) else row)]
    return {"bad endings": bad_endings(flat), "loops": loops(flat)}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument(
        "--part",
        default="val",
        help="part of the photographs; with 'train', also the words that are true least often",
    )
    args = parser.parse_args()
    references = load_flickr8k(args.folder).captions[args.part]
    for kind, (value, n) in human_precisions(references).items():
        print(f"{kind:10}{value:8.3f} of {n} named, {len(KINDS[kind])} words")
    for name, value in form_rows(references).items():
        print(f"{name:12}{value:8.4f}")
    if args.part == "train":
        show_words(references)


def show_words(references):
    """Print the words of each kind that cost the most precision, with how often they are true."""
    named, true = Counter(), Counter()
    for known in map(list, references):
        for j, caption in enumerate(known):
            others = known[:j] + known[j + 1 :]
            for kind, word, is_true in judgements([[caption]], [others]):
                named[kind, word] += 1
                true[kind, word] += is_true
    false = Counter({key: n - true[key] for key, n in named.items()})
    for kind in KINDS:
        worst = [key for key, _ in false.most_common() if key[0] == kind][:40]
        print(kind, ", ".join(f"{k[1]} {true[k]}/{named[k]}" for k in worst))


if __name__ == "__main__":
    main()
